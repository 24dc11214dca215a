"""Crafts of the catalogue: words of many languages, indexes, shipped tables, a sentence model."""
