"""The gateway: its configuration, and the routes in it that are made from the manifests."""
