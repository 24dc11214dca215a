"""The command line and the typed client: what a user of ClusterSkills installs."""
