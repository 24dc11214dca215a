"""The enrolment service alone: its real application on the real MongoDB, its copies fed with events by hand."""

import itertools
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

import pytest

from services.enrolment_service import handlers, timers
from services.enrolment_service.actions import Actions
from services.enrolment_service.app import create_app
from services.enrolment_service.store import SERVICE, Store
from shared.bus.held import Incoming
from shared.bus.inbox import Inbox
from shared.bus.timers import Timer
from shared.clock import new_id, utc_now
from shared.schemas.catalog import SessionOpened, SessionStarted
from shared.schemas.directory import ConsentGiven, EmploymentStarted, PersonRegistered
from shared.schemas.event import Event
from shared.storage.feed import stamp
from shared.storage.lease import Lease
from shared.storage.transaction import decide
from shared.storage.work import UnitOfWork
from shared.wiring.runtime import Runtime
from tests.records import incoming
from tests.stack import Stack
from tests.tokens import TestIssuer

_DAYS = itertools.count(100)
HOME, HOST, EMPLOYER = "cluster-home", "cluster-host", "employer-1"


@dataclass
class Service:
    """The application, its database and what feeds it."""

    app: Any
    runtime: Runtime
    issuer: TestIssuer
    _sequences: dict[str, int] = field(default_factory=dict)

    @property
    def client(self) -> Any:
        """A test client."""
        return self.app.test_client()

    def actions(self, work: UnitOfWork) -> Actions:
        """The service's actions on a unit of work."""
        return Actions(Store(work), self.runtime.clock, new_id)

    def feed(self, *events: Event) -> None:
        """Let the service take in events of other services, in this order."""
        records = [self._record(event) for event in events]
        self.report_progress(utc_now())
        for subscription in handlers.subscriptions(self.actions):
            Inbox(self.runtime.client, self.runtime.database, "/enrolment", subscription).take(records)

    def report_progress(self, caught_up_at: datetime) -> None:
        """Say, as the worker does, when the copies last held all there is."""
        progress = {"$set": {"caught_up_at": caught_up_at, "lag": 0}}
        self.runtime.database["consumer_progress"].update_one({"_id": "copies"}, progress, upsert=True)

    def tick(self) -> None:
        """Do what the timers would do now: of each as many turns as there is something to do, however short they are."""
        for timer in self._timers:
            while timer.action():
                pass

    def stamp(self) -> int:
        """Give positions in the feed, as the relay does."""
        runtime = self.runtime
        return stamp("enrolments", runtime.client, runtime.database, runtime.clock, self._lease)

    @cached_property
    def _lease(self) -> Lease:
        lease = Lease(self.runtime.database, "relay", uuid.uuid4().hex, seconds=3600)
        assert lease.acquire()
        return lease

    @cached_property
    def _timers(self) -> list[Timer]:
        return timers.timers(self.decide, lambda: self.actions(self.runtime.work()))

    def decide(self, act: Callable[[Actions], int]) -> int:
        """One action in its own transaction."""
        return decide(self.runtime.client, self.runtime.work, lambda work: act(self.actions(work)))

    def session(self, **terms: Any) -> str:
        """An open session; returns its id."""
        session_id = new_id()
        self.feed(opened(session_id, **terms))
        return session_id

    def begin(self, session_id: str) -> None:
        """The session starts."""
        about = {"session_id": session_id, "course_id": "course-1", "cluster_id": HOST}
        self.feed(SessionStarted(course_version=1, **about))

    def person(self, cluster_id: str = HOME) -> str:
        """A worker who works for EMPLOYER and consents; returns the id."""
        return self.people(1, cluster_id)[0]

    def people(self, count: int, cluster_id: str = HOME) -> list[str]:
        """Workers who work for EMPLOYER and consent."""
        ids = [new_id() for _ in range(count)]
        facts: list[Event] = []
        for person in ids:
            facts += [
                PersonRegistered(person_id=person, cluster_id=cluster_id),
                EmploymentStarted(
                    employment_id=new_id(), person_id=person, organisation_id=EMPLOYER, valid_from=date(2020, 1, 1)
                ),
                ConsentGiven(consent_id=new_id(), person_id=person, organisation_id=EMPLOYER, purpose="share_results"),
            ]
        self.feed(*facts)
        return ids

    def headers(self, **claims: Any) -> dict[str, str]:
        """Headers of the home cluster's partner portal, unless told otherwise."""
        wanted: dict[str, Any] = {
            "scopes": ["enrolment:read", "enrolment:write"],
            "cluster_id": HOME,
            "person_id": None,
        } | claims
        return {"Authorization": f"Bearer {self.issuer.token(**wanted)}"}

    def hr(self) -> dict[str, str]:
        """Headers of the employer's HR."""
        return self.headers(
            scopes=["enrolment:read", "enrolment:write", "enrolment:approve"],
            person_id="hr-person",
            roles=["hr"],
            organisation_ids=[EMPLOYER],
        )

    def trainer(self) -> dict[str, str]:
        """Headers of the host's trainer."""
        return self.headers(
            scopes=["teaching:write", "catalog:write"], person_id="trainer", roles=["trainer"], cluster_id=HOST
        )

    def apply(self, session_id: str, person_id: str, **more: Any) -> Any:
        """POST an application through the partner portal."""
        body = {"session_id": session_id, "worker": {"person_id": person_id}} | more
        return self.client.post("/v1/enrolments", json=body, headers=self.headers())

    def events(self, enrolment_id: str) -> list[str]:
        """The verbs published of an enrolment, in order."""
        rows = self.runtime.database["outbox"].find({"key": enrolment_id}).sort("sequence", 1)
        return [row["type"].split(".")[1] for row in rows]

    def _record(self, event: Event) -> Incoming:
        aggregate = f"{event.topic}/{event.key}"
        sequence = self._sequences[aggregate] = self._sequences.get(aggregate, 0) + 1
        return incoming(event, sequence)


def opened(session_id: str, **terms: Any) -> SessionOpened:
    """A session that opens with ten seats and a long waiting list, on a day of its own, unless told otherwise."""
    day = utc_now() + timedelta(days=next(_DAYS))
    defaults: dict[str, Any] = {
        "session_id": session_id,
        "course_id": "course-1",
        "course_version": 1,
        "cluster_id": HOST,
        "provider_id": "provider-1",
        "starts_at": day,
        "ends_at": day + timedelta(hours=8),
        "timezone": "Europe/Berlin",
        "application_deadline": utc_now() + timedelta(days=5),
        "language": "de",
        "mode": "Presential",
        "capacity": 10,
        "min_capacity": 1,
        "waitlist_limit": 100,
        "approval_needed": False,
        "eligible_clusters": [],
        "quotas": {},
        "minimum_attendance": 80,
        "price": None,
        "trainer_ids": [],
    }
    return SessionOpened(**(defaults | terms))


@pytest.fixture(scope="module")
def issuer() -> Iterator[TestIssuer]:
    with TestIssuer() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def service(engines: Stack, issuer: TestIssuer) -> Iterator[Service]:
    """One service per module, with a database of its own that is dropped at the end."""
    prefix = f"t{uuid.uuid4().hex[:10]}_"
    environment = {
        "CLUSTERSKILLS_MONGO_URL": engines.mongo,
        "CLUSTERSKILLS_KAFKA_BOOTSTRAP": engines.kafka,
        "CLUSTERSKILLS_DATABASE_PREFIX": prefix,
        "CLUSTERSKILLS_PUBLIC_URL": "http://localhost",
        "CLUSTERSKILLS_CURSOR_SECRET": "cursor-secret-of-a-test",
        "CLUSTERSKILLS_EXTERNAL_REF_SECRET": "reference-secret-of-a-test",
        **issuer.environment(),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        app = create_app()
        runtime = Runtime(SERVICE)
        for each in (runtime, app.extensions["runtime"]):
            each.wait()  # the database must not go while migrations run: that ends the process
        yield Service(app, runtime, issuer)
        runtime.client.drop_database(runtime.database.name)
        runtime.close()
        app.extensions["runtime"].close()
