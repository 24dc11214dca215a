"""Checks that several resources of the directory need."""

from collections.abc import Collection, Iterable
from datetime import date

from shared.errors import Violation


def blank(field: str, text: str | None) -> list[Violation]:
    """A text that holds nothing but space."""
    if text is None or text.strip():
        return []
    return [Violation(field=field, code="BLANK", message="It must not be blank.", actual=text)]


def out_of_order(valid_from: date, valid_until: date | None) -> list[Violation]:
    """DATE_ORDER: nothing ends before it begins."""
    if valid_until is None or valid_until >= valid_from:
        return []
    message = "It cannot end before it begins."
    return [
        Violation(
            field="valid_until",
            code="DATE_ORDER",
            message=message,
            actual=valid_until.isoformat(),
            required={"min": valid_from.isoformat()},
        )
    ]


def strangers(organisation_ids: Iterable[str], owned: Collection[str]) -> list[Violation]:
    """NOT_CLUSTER_MEMBER: each of the organisations that is not among those of the cluster."""
    message = "This organisation is not of the cluster."
    return [
        Violation(field="organisation_ids", code="NOT_CLUSTER_MEMBER", message=message, actual=organisation_id)
        for organisation_id in organisation_ids
        if organisation_id not in owned
    ]
