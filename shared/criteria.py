"""What a list is narrowed by: frozen dataclasses, each field None where nothing is asked for.

A door makes them of its query, an action adds who asks, and only a store turns them into a query of the database.
"""

from dataclasses import fields
from typing import Any


def asked_for(criteria: Any) -> dict[str, Any]:
    """The fields in which something is asked for, by name."""
    values = ((field.name, getattr(criteria, field.name)) for field in fields(criteria))
    return {name: value for name, value in values if value is not None}
