"""The directory: organisations, memberships, people, employments and consents. Names of people live here only.

Publishes the events of `shared.schemas.directory`. Listens to nothing: whoever knows who belongs to whom is asked first.
"""
