"""Enrolments: who asked for a seat, who has one, who waits, and what became of them.

Owns enrolments, seats and capacity of open sessions, queues, rosters, outcomes. Publishes `enrolment.*`, `seats.*` and
`roster.completed`. Listens to sessions and courses (catalog), people, employments and consents (directory), and
certificates (for prerequisites).
"""
