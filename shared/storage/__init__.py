"""MongoDB: connections, the unit of work, group commit, outbox, relay, idempotency, feeds."""
