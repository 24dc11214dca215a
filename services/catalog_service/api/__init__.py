"""The catalogue's HTTP door."""

from services.catalog_service.api import courses, sessions, skills
from services.catalog_service.api.parts import Parts
from shared.http.door import Door

__all__ = ["Parts", "make_door"]


def make_door(parts: Parts) -> Door:
    """All routes of the catalogue."""
    door = Door("catalog")
    courses.add(door, parts)
    sessions.add(door, parts)
    skills.add(door, parts)
    return door
