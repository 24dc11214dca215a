"""How ClusterSkills is put on machines: the embedded stack, the realm, the gateway, the image."""
