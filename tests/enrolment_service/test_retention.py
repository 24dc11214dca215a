"""How long it is told who read whose data."""

from services.enrolment_service.app import wire
from shared.clock import new_id
from shared.schemas.directory import PortalChanged
from tests.enrolment_service.conftest import Service
from tests.reads import read_long_ago, still_told


def test_who_read_something_is_told_for_as_long_as_the_readers_cluster_says(service: Service) -> None:
    cluster_id = new_id()
    service.feed(PortalChanged(cluster_id=cluster_id, audit_days=365))
    read_long_ago(service.runtime.database, cluster_id, 364, 366)
    for timer in wire(service.runtime).timers:
        timer.action()

    assert still_told(service.runtime.database, cluster_id) == [364]
