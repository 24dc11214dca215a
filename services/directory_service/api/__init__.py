"""The directory's HTTP door."""

from services.directory_service.api import (
    imports,
    invitations,
    organisations,
    people,
    portals,
    programs,
    relations,
    scim,
)
from services.directory_service.api.parts import Parts
from shared.http.door import Door

DIALECTS = {f"{scim.BASE}/": scim.speak}
"""How problems are told below an address."""

__all__ = ["DIALECTS", "Parts", "make_door"]


def make_door(parts: Parts) -> Door:
    """All routes of the directory."""
    door = Door("directory")
    organisations.add(door, parts)
    people.add(door, parts)
    relations.add(door, parts)
    imports.add(door, parts)
    portals.add(door, parts)
    invitations.add(door, parts)
    programs.add(door, parts)
    scim.add(door, parts)
    return door
