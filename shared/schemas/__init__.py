"""Every event, written once: one module per publisher, the envelope, the wire format, AsyncAPI."""
