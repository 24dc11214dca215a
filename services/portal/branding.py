"""Whose brand a page carries, and from where it may load the logo."""

from flask import g

from services.portal.brands import Brand
from services.portal.runtime import runtime
from services.portal.visitors import visitor


def shown() -> Brand | None:
    """That of the visitor's cluster, or of the one that the page is about (`carry`)."""
    person = visitor().person
    cluster_id = g.get("brand_of") or (person.cluster_id if person else None)
    found = runtime().brands.find(cluster_id) if cluster_id else None
    allow_logo(found)
    return found


def carry(cluster_id: str) -> None:
    """Let this page carry the brand of a cluster, whoever looks at it."""
    g.brand_of = cluster_id


def allow_logo(brand: Brand | None) -> None:
    """Let this page load the logo."""
    if brand and brand.logo_origin:
        g.setdefault("logo_origins", set()).add(brand.logo_origin)


def logo_origins() -> list[str]:
    """From where this page may load pictures that are not ours."""
    return sorted(g.get("logo_origins", ()))
