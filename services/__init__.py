"""The services. Each owns its data and its events; none imports another (docs/decisions/0001)."""
