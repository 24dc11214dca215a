"""The catalogue: courses with their versions, and sessions until enrolment takes over their seats.

Publishes the events of `shared.schemas.catalog`. Listens to `roster.completed`, which completes a session.
"""
