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


def claim_id(claim: Document) -> str:
    """The id of a claim. Earlier releases gave them none: they went by that of the enrolment."""
    found: str = claim.get("c") or claim["e"]
    return found


def without(claims: str, claim_ids: Sequence[str] | str) -> Document:
    """The claims except these: a list of ids, or the expression of one."""
    known = claim_ids if isinstance(claim_ids, str) else list(claim_ids)
    own = {"$ifNull": ["$$claim.c", "$$claim.e"]}
    return {"$filter": {"input": claims, "as": "claim", "cond": {"$not": [{"$in": [own, known]}]}}}


def forgetting(claim_ids: Sequence[str] | str) -> list[Document]:
    """The update that drops these claims."""
    return [{"$set": {"claims": without("$claims", claim_ids)}}]


CLAIM: list[Document] = _claim_stages()
