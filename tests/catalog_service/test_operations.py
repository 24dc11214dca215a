"""What the operator does about events that could not be applied."""

from dataclasses import replace
from itertools import count
from typing import Any

from services.catalog_service import handlers
from shared.bus.held import Incoming
from shared.bus.inbox import Inbox
from shared.clock import new_id
from shared.schemas.enrolment import RosterCompleted
from tests.catalog_service.calling import Catalog, acting
from tests.records import incoming

OPERATIONS = "/v1/catalog/operations"
OFFSETS = count()


def _record(session_id: str, sequence: int) -> Incoming:
    event = RosterCompleted(session_id=session_id, course_id="c", cluster_id="c", completed=1, failed=0, no_show=0)
    return incoming(event, sequence, source="/enrolment", offset=next(OFFSETS))


def _take(catalog: Catalog, *records: Incoming) -> None:
    for subscription in handlers.subscriptions(acting):
        Inbox(catalog.runtime.client, catalog.runtime.database, "/catalog", subscription).take(list(records))


def _operator(catalog: Catalog) -> dict[str, str]:
    return catalog.issuer.authorization(scopes=["operations"], subject="operator")


def _letter_of(catalog: Catalog, session_id: str) -> Any:
    found = catalog.call("GET", f"{OPERATIONS}/dead-letters", _operator(catalog)).body["items"]
    return next((letter for letter in found if session_id in letter["aggregate"]), None)


def _audited(catalog: Catalog) -> list[tuple[str, str]]:
    rows = catalog.call("GET", f"{OPERATIONS}/audit", _operator(catalog)).body["items"]
    return [(row["subject"], row["action"]) for row in rows]


def test_a_dead_letter_is_listed_replayed_in_vain_and_discarded_and_all_of_it_is_kept(catalog: Catalog) -> None:
    session_id = catalog.session(catalog.cluster(), "open", "close", "start")
    _take(catalog, replace(_record(session_id, 1), value=b"no event"), _record(session_id, 2))
    letter, before = _letter_of(catalog, session_id), len(_audited(catalog))
    assert letter["waiting_behind"] == 1
    assert catalog.call("GET", f"{OPERATIONS}/lag", _operator(catalog)).body["dead"] >= 1

    vain = catalog.call("POST", f"{OPERATIONS}/dead-letters/{letter['id']}/replay", _operator(catalog))
    assert (vain.status, vain.body["code"]) == (409, "STILL_FAILING")
    assert _letter_of(catalog, session_id)["id"] == letter["id"]

    done = catalog.done(f"{OPERATIONS}/dead-letters/{letter['id']}/discard", _operator(catalog))
    assert done["released"] >= 1
    assert _letter_of(catalog, session_id) is None
    assert _audited(catalog)[: len(_audited(catalog)) - before] == [("operator", "discard"), ("operator", "replay")]


def test_a_dead_letter_is_looked_into_with_its_content_and_what_waits_behind_it(catalog: Catalog) -> None:
    session_id = catalog.session(catalog.cluster(), "open", "close", "start")
    later = _record(session_id, 2)
    _take(catalog, replace(_record(session_id, 1), value=b'{"no": "event \xff"}'), later)
    letter = _letter_of(catalog, session_id)
    found = catalog.call("GET", f"{OPERATIONS}/dead-letters/{letter['id']}", _operator(catalog)).body
    catalog.done(f"{OPERATIONS}/dead-letters/{letter['id']}/discard", _operator(catalog))

    assert found.items() >= letter.items()
    assert found["content"] == '{"no": "event \\xff"}'
    assert (found["topic"], found["headers"]["ce_type"]) == ("roster", "roster.completed.v1")
    assert found["followers"] == [f"roster/{session_id}/2"]


def test_what_cannot_be_audited_is_not_done(catalog: Catalog) -> None:
    session_id = catalog.session(catalog.cluster(), "open", "close", "start")
    _take(catalog, replace(_record(session_id, 1), value=b"no event"))
    letter, database = _letter_of(catalog, session_id), catalog.runtime.database
    _audited(catalog)
    database["audit"].insert_one({"_id": "so that there is one"})
    database.command("collMod", "audit", validator={"subject": "nobody"})
    try:
        refused = catalog.call("POST", f"{OPERATIONS}/dead-letters/{letter['id']}/discard", _operator(catalog))
    finally:
        database.command("collMod", "audit", validator={})
        database["audit"].delete_one({"_id": "so that there is one"})

    assert refused.status == 500
    assert _letter_of(catalog, session_id)["id"] == letter["id"]
    catalog.done(f"{OPERATIONS}/dead-letters/{letter['id']}/discard", _operator(catalog))


def test_the_audit_is_read_page_by_page(catalog: Catalog) -> None:
    for _ in range(2):
        session_id = catalog.session(catalog.cluster())
        _take(catalog, replace(_record(session_id, 1), value=b"no event"))
        catalog.done(f"{OPERATIONS}/dead-letters/{_letter_of(catalog, session_id)['id']}/discard", _operator(catalog))
    first = catalog.call("GET", f"{OPERATIONS}/audit?limit=1", _operator(catalog)).body
    second = catalog.call("GET", f"{OPERATIONS}/audit?limit=1&cursor={first['next']}", _operator(catalog))

    assert second.status == 200, second.body
    assert second.body["items"][0]["id"] < first["items"][0]["id"]


def test_the_audit_is_narrowed_by_who_what_and_when(catalog: Catalog) -> None:
    session_id = catalog.session(catalog.cluster())
    _take(catalog, replace(_record(session_id, 1), value=b"no event"))
    letter = _letter_of(catalog, session_id)
    other = catalog.issuer.authorization(scopes=["operations"], subject="another operator")
    catalog.call("POST", f"{OPERATIONS}/dead-letters/{letter['id']}/replay", other)
    catalog.done(f"{OPERATIONS}/dead-letters/{letter['id']}/discard", other)

    def found(query: str) -> list[str]:
        answer = catalog.call("GET", f"{OPERATIONS}/audit?{query}", _operator(catalog))
        assert answer.status == 200, answer.body
        return [row["action"] for row in answer.body["items"]]

    assert found("subject=another%20operator") == ["discard", "replay"]
    assert found("subject=another%20operator&action=replay") == ["replay"]
    assert found("subject=another%20operator&from=2020-01-01T00:00:00Z") == ["discard", "replay"]
    assert found("subject=another%20operator&to=2020-01-01T00:00:00Z") == []
    assert found("from=9999-12-30T00:00:00Z") == found("to=0001-01-02T00:00:00Z") == []


def test_a_dead_letter_that_is_not_there_is_404(catalog: Catalog) -> None:
    for letter_id in (new_id(), "%C3%A4", "bm90aGluZw"):
        for what in ("replay", "discard"):
            assert (
                catalog.call("POST", f"{OPERATIONS}/dead-letters/{letter_id}/{what}", _operator(catalog)).status == 404
            )


def test_a_service_without_jobs_of_its_own_has_their_list_too(catalog: Catalog) -> None:
    answer = catalog.call("GET", "/v1/catalog/jobs", _operator(catalog))

    assert (answer.status, answer.body) == (200, {"items": [], "next": None})


def test_only_the_operator_sees_the_desk(catalog: Catalog) -> None:
    for path in ("dead-letters", "dead-letters/x", "lag", "audit"):
        assert catalog.call("GET", f"{OPERATIONS}/{path}", catalog.manager(catalog.cluster())).status == 403
