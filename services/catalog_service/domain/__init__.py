"""The catalogue's rules: no clock, no I/O. Each returns the new state and what happened."""
