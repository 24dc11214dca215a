"""Ids of the demo's clusters, organisations and people: the same on every machine, so that realm and seed agree."""

from __future__ import annotations

import uuid

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "clusterskills.example")


def cluster_id(slug: str) -> str:
    """Return the id of a cluster, for instance of "wfr-heilbronn"."""
    return _named("cluster", slug)


def organisation_id(slug: str) -> str:
    """Return the id of a company or training provider."""
    return _named("organisation", slug)


def person_id(username: str) -> str:
    """Return the id of a person: the login's username, or for people without one their external id in the seed."""
    return _named("person", username)


def subject_id(username: str) -> str:
    """Return the id that Keycloak gives the login; it is not the person's."""
    return _named("subject", username)


def _named(kind: str, name: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{kind}:{name}"))
