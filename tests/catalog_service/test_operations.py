"""What the operator does about events that could not be applied."""

from dataclasses import replace
from itertools import count
from typing import Any

from services.catalog_service import handlers
from shared.bus.held import Incoming
from shared.bus.inbox import Inbox
from shared.clock import new_id
from shared.schemas.enrolment import RosterCompleted
from tests.catalog_service.office import Office, acting
from tests.records import incoming

DESK = "/v1/catalog/operations"
OFFSETS = count()


def _record(session_id: str, sequence: int) -> Incoming:
    event = RosterCompleted(session_id=session_id, course_id="c", cluster_id="c", completed=1, failed=0, no_show=0)
    return incoming(event, sequence, source="/enrolment", offset=next(OFFSETS))


def _take(office: Office, *records: Incoming) -> None:
    for subscription in handlers.subscriptions(acting):
        Inbox(office.house.client, office.house.database, "/catalog", subscription).take(list(records))


def _operator(office: Office) -> dict[str, str]:
    return office.issuer.authorization(scopes=["operations"], subject="operator")


def _letter_of(office: Office, session_id: str) -> Any:
    found = office.call("GET", f"{DESK}/dead-letters", _operator(office)).body["items"]
    return next((letter for letter in found if session_id in letter["aggregate"]), None)


def _audited(office: Office) -> list[tuple[str, str]]:
    rows = office.call("GET", f"{DESK}/audit", _operator(office)).body["items"]
    return [(row["subject"], row["action"]) for row in rows]


def test_a_dead_letter_is_listed_replayed_in_vain_and_discarded_and_all_of_it_is_kept(office: Office) -> None:
    session_id = office.session(office.cluster(), "open", "close", "start")
    _take(office, replace(_record(session_id, 1), value=b"no event"), _record(session_id, 2))
    letter, before = _letter_of(office, session_id), len(_audited(office))
    assert letter["waiting_behind"] == 1
    assert office.call("GET", f"{DESK}/lag", _operator(office)).body["dead"] >= 1

    vain = office.call("POST", f"{DESK}/dead-letters/{letter['id']}/replay", _operator(office))
    assert (vain.status, vain.body["code"]) == (409, "STILL_FAILING")
    assert _letter_of(office, session_id)["id"] == letter["id"]

    done = office.done(f"{DESK}/dead-letters/{letter['id']}/discard", _operator(office))
    assert done["released"] >= 1
    assert _letter_of(office, session_id) is None
    assert _audited(office)[before:] == [("operator", "replay"), ("operator", "discard")]


def test_what_cannot_be_audited_is_not_done(office: Office) -> None:
    session_id = office.session(office.cluster(), "open", "close", "start")
    _take(office, replace(_record(session_id, 1), value=b"no event"))
    letter, database = _letter_of(office, session_id), office.house.database
    _audited(office)
    database["audit"].insert_one({"_id": "so that there is one"})
    database.command("collMod", "audit", validator={"subject": "nobody"})
    try:
        refused = office.call("POST", f"{DESK}/dead-letters/{letter['id']}/discard", _operator(office))
    finally:
        database.command("collMod", "audit", validator={})
        database["audit"].delete_one({"_id": "so that there is one"})

    assert refused.status == 500
    assert _letter_of(office, session_id)["id"] == letter["id"]
    office.done(f"{DESK}/dead-letters/{letter['id']}/discard", _operator(office))


def test_the_audit_is_read_page_by_page(office: Office) -> None:
    for _ in range(2):
        session_id = office.session(office.cluster())
        _take(office, replace(_record(session_id, 1), value=b"no event"))
        office.done(f"{DESK}/dead-letters/{_letter_of(office, session_id)['id']}/discard", _operator(office))
    first = office.call("GET", f"{DESK}/audit?limit=1", _operator(office)).body
    second = office.call("GET", f"{DESK}/audit?limit=1&cursor={first['next']}", _operator(office))

    assert second.status == 200, second.body
    assert second.body["items"][0]["id"] > first["items"][0]["id"]


def test_a_dead_letter_that_is_not_there_is_404(office: Office) -> None:
    for letter_id in (new_id(), "%C3%A4", "bm90aGluZw"):
        for what in ("replay", "discard"):
            assert office.call("POST", f"{DESK}/dead-letters/{letter_id}/{what}", _operator(office)).status == 404


def test_only_the_operator_sees_the_desk(office: Office) -> None:
    for path in ("dead-letters", "lag", "audit"):
        assert office.call("GET", f"{DESK}/{path}", office.manager(office.cluster())).status == 403
