"""A made-up service, lending of tools: what a new folder needs so that the platform runs it."""
