"""The embedded stack: the real MongoDB, Kafka, Keycloak and Caddy and our services on a machine with Python only.

`parts.py` holds one row per process; `supervisor.py` starts, watches and stops the rows; `engines.py` is the small
form with MongoDB and Kafka only, which tests use to break them on purpose.
"""
