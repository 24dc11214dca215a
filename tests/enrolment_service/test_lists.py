"""The list of enrolments, page by page, whatever the caller may not see of what was read for it."""

import itertools
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import pytest

from services.enrolment_service.domain.states import STATUSES
from shared.clock import new_id
from shared.schemas.directory import EmploymentStarted, PersonRegistered
from tests.enrolment_service.conftest import EMPLOYER, HOME, Service

VISIBLE, HIDDEN, UNKNOWN = "visible", "hidden", "unknown"
"""What HR may see, what nobody consented to, and what belongs to somebody of whom no event has come."""


@pytest.fixture(scope="module")
def owners(service: Service) -> dict[str, str]:
    """A person of each kind."""
    hidden = new_id()
    job = EmploymentStarted(
        employment_id=new_id(), person_id=hidden, organisation_id=EMPLOYER, valid_from=date(2020, 1, 1)
    )
    service.feed(PersonRegistered(person_id=hidden, cluster_id=HOME), job)
    return {VISIBLE: service.person(), HIDDEN: hidden, UNKNOWN: new_id()}


def rows(service: Service, owners: dict[str, str], kinds: Sequence[str]) -> tuple[str, list[str]]:
    """A session with an enrolment of each kind, newest first, and the ids of those that HR may see."""
    session_id, ids = new_id(), sorted((new_id() for _ in kinds), reverse=True)
    one = service.runtime.database["enrolments"].find_one({"_id": _example(service, owners[VISIBLE])})
    assert one is not None
    with_owner = zip(ids, kinds, strict=True)
    documents = [
        {**one, "_id": i, "session_id": session_id, "slot": i, "person_id": owners[kind]} for i, kind in with_owner
    ]
    service.runtime.database["enrolments"].insert_many(documents)
    return session_id, [i for i, kind in zip(ids, kinds, strict=True) if kind == VISIBLE]


def pages(service: Service, session_id: str, limit: int) -> Iterator[list[str]]:
    """The ids of each page, to the end."""
    query: dict[str, Any] = {"session_id": session_id, "limit": limit}
    while True:
        answer = service.client.get("/v1/enrolments", query_string=query, headers=service.hr())
        assert answer.status_code == 200, answer.json
        yield [item["id"] for item in answer.json["items"]]
        if answer.json["next"] is None:
            return
        query["cursor"] = answer.json["next"]


def test_an_unknown_status_is_refused_with_those_that_there_are(service: Service) -> None:
    answer = service.client.get("/v1/enrolments", query_string={"status": "done"}, headers=service.hr())

    assert answer.status_code == 422
    violation = answer.json["violations"][0]
    assert (violation["field"], violation["code"]) == ("status", "NOT_ONE_OF")
    assert violation["required"] == list(STATUSES)


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
def test_every_mix_of_visible_and_hidden_rows_is_listed_without_gap_or_repeat(
    service: Service, owners: dict[str, str], limit: int
) -> None:
    every_three = list(itertools.chain(*itertools.product((VISIBLE, HIDDEN, UNKNOWN), repeat=3)))
    session_id, visible = rows(service, owners, every_three)

    found = list(pages(service, session_id, limit))

    assert list(itertools.chain(*found)) == visible
    assert all(len(page) == limit for page in found[:-1]), "only the last page may be short"


def test_a_page_of_which_nothing_may_be_seen_is_not_the_end(service: Service, owners: dict[str, str]) -> None:
    session_id, visible = rows(service, owners, [VISIBLE] * 30 + [HIDDEN] * 40 + [UNKNOWN] * 30 + [VISIBLE] * 19)

    assert list(itertools.chain(*pages(service, session_id, 20))) == visible


def test_one_request_reads_a_bounded_number_of_rows_and_says_where_to_go_on(
    service: Service, owners: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.storage.pages.MOST_READS", 1)
    session_id, visible = rows(service, owners, [HIDDEN] * 95 + [VISIBLE] * 3)

    found = list(pages(service, session_id, 10))

    assert found == [[]] * 9 + [visible]


def _example(service: Service, person_id: str) -> str:
    """An enrolment as it is stored."""
    enrolment: str = service.apply(service.session(), person_id, employer_id=EMPLOYER).json["id"]
    return enrolment
