"""The directory: organisations, memberships, people, employments and consents. Names of people live here only.

Publishes the events of `shared.schemas.directory`. Listens to what happens to people elsewhere, for their
own export only: whoever knows who belongs to whom is asked first.
"""
