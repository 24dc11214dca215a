"""What the feed reads to find a few certificates among many of the same cluster: in proportion to what it finds, or a
bounded part."""

from datetime import timedelta
from typing import Any

import pytest

from services.certificate_service.store import Store
from services.certificate_service.store.feed import _WINDOW, Filters, Scope
from shared.clock import new_id, utc_now
from tests.certificate_service.service import Service

MANY = 3 * _WINDOW


@pytest.fixture(scope="module")
def many(service: Service) -> str:
    """A cluster with many certificates, of which the last one is of another course and revoked. Returns its id."""
    cluster, now = new_id(), utc_now()
    rows = service.runtime.database["certificates"]
    one = rows.find_one({"_id": service.issue().id})
    assert one is not None
    first = {**one, "cluster_id": cluster, "unstamped": False}
    documents = [
        {
            **first,
            "_id": new_id(),
            "enrolment_id": new_id(),
            "position": 10_000 + n,
            "changed_at": now + n * timedelta(seconds=1),
        }
        for n in range(MANY)
    ]
    documents[-1] |= {"course_id": "rare-course", "status": "revoked"}
    for document in documents:
        del document["unstamped"]
    rows.insert_many(documents)
    return cluster


def reads(service: Service, cluster: str, **filters: Any) -> tuple[int, int, bool]:
    """How many are found, the most documents that one query looked at for it, and whether more may follow."""
    database = service.runtime.database
    database.command("profile", 2)
    part = Store(service.runtime.work()).feed.page(
        Scope(cluster_id=cluster), Filters(**filters), after=0, limit=50, now=utc_now()
    )
    database.command("profile", 0)
    looked = [row["docsExamined"] for row in database["system.profile"].find({"docsExamined": {"$exists": True}})]
    database["system.profile"].drop()
    return len(part.rows), max(looked), part.more


@pytest.mark.parametrize(
    "filters",
    [
        {"course": "rare-course"},
        {"worker": "nobody"},
        {"changed_since": utc_now() + timedelta(days=1)},
    ],
)
def test_an_index_finds_what_a_course_a_worker_or_a_time_of_change_asks_for(
    service: Service, many: str, filters: dict[str, Any]
) -> None:
    found, looked, _ = reads(service, many, **filters)

    assert found == (1 if "course" in filters else 0)
    assert looked <= 5


@pytest.mark.parametrize(
    "filters",
    [{"status": "revoked"}, {"status": "expired"}, {"employer": "nobody"}, {"expiring_before": utc_now()}],
)
def test_what_has_no_index_is_looked_for_in_windows(service: Service, many: str, filters: dict[str, Any]) -> None:
    found, looked, more = reads(service, many, **filters)

    assert (found, more) == (0, True)
    assert looked <= _WINDOW


def test_page_by_page_a_filter_without_an_index_finds_all(service: Service, many: str) -> None:
    feed, after, found = Store(service.runtime.work()).feed, 0, []
    more = True
    while more:
        part = feed.page(Scope(cluster_id=many), Filters(status="revoked"), after=after, limit=50, now=utc_now())
        found += part.rows
        after, more = part.position, part.more

    assert [row.course_id for row in found] == ["rare-course"]
