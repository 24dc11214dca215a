"""The seat desk's updates as MongoDB runs them: one pipeline hands out seats and tickets, others forget claims."""

from collections.abc import Sequence

from shared.storage.mongo import Document

_AVAILABILITY: Document = {
    "$switch": {
        "branches": [
            {"case": {"$not": ["$open"]}, "then": "closed"},
            {"case": {"$and": [{"$eq": ["$waiting", 0]}, {"$lt": ["$taken", "$capacity"]}]}, "then": "open"},
            {"case": {"$lt": ["$waiting", "$waitlist_limit"]}, "then": "waitlist_only"},
        ],
        "default": "full",
    }
}
"""`Ledger.availability` as the database computes it."""


def _claim_stages() -> list[Document]:
    """Of each session's document: hand out seats and tickets to those who ask at its desk, in their order.

    A pipeline parsed once for all sessions of a group: a statement for each cost mongod three times as much.
    """
    now = "$$value"
    has_claim = {"$in": ["$$this.k", f"{now}.claims.k"]}
    seat_free = {"$and": ["$open", {"$eq": [f"{now}.waiting", 0]}, {"$lt": [f"{now}.taken", "$capacity"]}]}
    queue_free = {"$and": ["$open", {"$lt": [f"{now}.waiting", "$waitlist_limit"]}]}
    ticket = {"t": f"{now}.next", "w": {"$add": [f"{now}.waiting", 1]}}
    gets_seat = {
        "taken": {"$add": [f"{now}.taken", 1]},
        "waiting": f"{now}.waiting",
        "next": f"{now}.next",
        "claims": {"$concatArrays": [f"{now}.claims", ["$$this"]]},
    }
    gets_ticket = {
        "taken": f"{now}.taken",
        "waiting": {"$add": [f"{now}.waiting", 1]},
        "next": {"$add": [f"{now}.next", 1]},
        "claims": {"$concatArrays": [f"{now}.claims", [{"$mergeObjects": ["$$this", ticket]}]]},
    }
    branches = [
        {"case": has_claim, "then": now},
        {"case": seat_free, "then": gets_seat},
        {"case": queue_free, "then": gets_ticket},
    ]
    start = {
        "taken": "$taken",
        "waiting": "$waiting",
        "next": "$next_ticket",
        "claims": without("$claims", "$desk.settled"),
    }
    hand_out = {
        "$reduce": {
            "input": "$desk.asking",
            "initialValue": start,
            "in": {"$switch": {"branches": branches, "default": now}},
        }
    }
    own = {"$filter": {"input": "$$desks", "as": "desk", "cond": {"$eq": ["$$desk.session", "$_id"]}}}
    return [
        {"$set": {"desk": {"$first": own}}},
        {"$set": {"r": hand_out}},
        {
            "$set": {
                "taken": "$r.taken",
                "waiting": "$r.waiting",
                "next_ticket": "$r.next",
                "claims": "$r.claims",
                "version": {"$add": ["$version", 1]},
                "updated_at": "$$NOW",
            }
        },
        # Only a change of availability needs somebody to look.
        {"$set": {"needs_care": {"$cond": [{"$eq": [_AVAILABILITY, "$announced"]}, "$needs_care", True]}}},
        {"$unset": ["desk", "r"]},
    ]


def without(claims: str, enrolment_ids: Sequence[str] | str) -> Document:
    """The claims except those for these enrolments: a list of ids, or the expression of one."""
    known = enrolment_ids if isinstance(enrolment_ids, str) else list(enrolment_ids)
    return {"$filter": {"input": claims, "as": "claim", "cond": {"$not": [{"$in": ["$$claim.e", known]}]}}}


def forgetting(enrolment_ids: Sequence[str] | str) -> list[Document]:
    """The update that drops the claims of these enrolments."""
    return [{"$set": {"claims": without("$claims", enrolment_ids)}}]


CLAIM: list[Document] = _claim_stages()
