"""What the service does: issue on completion, keep the status, publish keys and lists, show, verify."""
