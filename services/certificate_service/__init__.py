"""Certificates: signed proof that somebody passed a course, which anybody can verify and nobody else can read.

Owns certificates, the awarding bodies' keys, status lists, and one key per holder. Publishes `certificate.*`. Listens to
enrolments (what to issue and revoke), courses (catalog), and organisations, people, employments and consents (directory).
"""
