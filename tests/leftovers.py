"""Looks for a text in everything that a database holds."""

from bson import encode

from shared.storage.mongo import MongoDatabase


def holding(database: MongoDatabase, text: str) -> list[str]:
    """The collections in which some document holds the text, wherever in it, be it inside of stored bytes."""
    wanted = text.encode()
    names = [name for name in database.list_collection_names() if not name.startswith("system.")]
    return sorted(name for name in names if any(wanted in encode(row) for row in database[name].find()))
