"""Kafka: publishing, consuming exactly once, what is set aside, rebuilding a read model. Only this package imports kafka."""
