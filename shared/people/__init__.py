"""What a service knows of people, built from the directory's events: one projection for every service that needs it."""
