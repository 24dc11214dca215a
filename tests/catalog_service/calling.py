"""The catalogue alone: its real application on the real MongoDB, called as trainers and reviewers would."""

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any

from services.catalog_service import handlers, timers
from services.catalog_service.actions import Actions
from services.catalog_service.store import Store
from shared.bus.inbox import Inbox
from shared.clock import new_id, utc_now
from shared.schemas.codec import decode_data
from shared.schemas.directory import AwardingGranted, AwardingWithdrawn, OrganisationRegistered
from shared.schemas.enrolment import RosterCompleted
from shared.schemas.event import Event
from shared.storage.transaction import decide
from shared.storage.work import UnitOfWork
from shared.wiring.runtime import Runtime
from tests.answers import Answer
from tests.records import incoming
from tests.tokens import TestIssuer

Headers = Mapping[str, str]
PROVIDER = "11111111-1111-4111-8111-111111111111"


def course_body(**more: Any) -> dict[str, Any]:
    """A complete course."""
    return {
        "titles": {"de": "Schweißen für Anfänger", "en": "Welding for beginners"},
        "descriptions": {"de": "Von der Naht zum Bauteil."},
        "default_language": "de",
        "provider_id": PROVIDER,
        "awarding_body_id": PROVIDER,
        "isced_f": "0715",
        "outcomes": [
            {
                "title": {"de": "Nähte programmieren", "en": "Program seams"},
                "type": "skill",
                "esco_uri": "http://data.europa.eu/esco/skill/a432ffcd-b58d-4417-836c-ea3282b626ca",
                "esco_title": "run simulations",
                "digcomp_code": "3.4",
            }
        ],
        "workload_hours": 12,
        "eqf_level": 4,
        "mode": "Blended",
        "assessment_type": "practical_demonstration",
        "quality_assurance_type": "peer_review",
        "audience": ["worker"],
        **more,
    }


def session_body(**more: Any) -> dict[str, Any]:
    """A session far ahead."""
    return {
        "starts_at": "2040-03-05T09:00:00+01:00",
        "ends_at": "2040-03-06T17:00:00+01:00",
        "timezone": "Europe/Berlin",
        "application_deadline": "2040-03-01T00:00:00+01:00",
        "capacity": 10,
        **more,
    }


@dataclass
class Catalog:
    """The application, its runtime, and who calls it."""

    app: Any
    runtime: Runtime
    issuer: TestIssuer
    sequences: dict[str, int] = field(default_factory=dict)

    def call(self, method: str, path: str, who: Headers | None = None, body: Any = None, **headers: str) -> Answer:
        """One request; header names are written with underscores."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        response = self.app.test_client().open(path, method=method, headers={**(who or {}), **more}, json=body)
        return Answer(response.status_code, response.get_json(silent=True), response.headers)

    def done(self, path: str, who: Headers, body: Any = None) -> Any:
        """The answer to a POST that has to succeed."""
        answer = self.call("POST", path, who, body)
        assert answer.status in {200, 201}, answer.body
        return answer.body

    # -- who

    def cluster(self) -> str:
        """A new cluster, which may name PROVIDER, of elsewhere, as the provider of its courses and as their body."""
        cluster_id = str(uuid.uuid4())
        self.registered(cluster_id, cluster_id)
        for purpose in ("provide", "award"):
            self.granted(PROVIDER, purpose, grantee_id=cluster_id)
        return cluster_id

    def registered(self, organisation_id: str, cluster_id: str, **facts: Any) -> str:
        """Let the directory's event of an organisation come in."""
        known = {"type": "training_provider", "legal_name": "Musterakademie", "country": "DE", **facts}
        self.take(OrganisationRegistered(organisation_id=organisation_id, cluster_id=cluster_id, **known))
        return organisation_id

    def granted(self, organisation_id: str, purpose: str = "award", **to: str) -> AwardingGranted:
        """Let an organisation lend its seal or its name."""
        event = AwardingGranted(grant_id=str(uuid.uuid4()), organisation_id=organisation_id, purpose=purpose, **to)
        self.take(event)
        return event

    def withdrawn(self, grant: AwardingGranted) -> None:
        """Let it be lent no longer."""
        self.take(AwardingWithdrawn(**{f.name: getattr(grant, f.name) for f in fields(grant)}))

    def take(self, *events: Event) -> None:
        """Let events of other services come in, each the next one of its aggregate."""
        for event in events:
            aggregate = f"{event.topic}/{event.key}"
            sequence = self.sequences[aggregate] = self.sequences.get(aggregate, 0) + 1
            record = incoming(event, sequence)
            for subscription in handlers.subscriptions(acting):
                Inbox(self.runtime.client, self.runtime.database, "/catalog", subscription).take([record])

    def caught_up(self, ago: timedelta = timedelta()) -> None:
        """The copies were seen to be up to date so long ago."""
        change = {"$set": {"caught_up_at": utc_now() - ago, "lag": 0}}
        self.runtime.database["consumer_progress"].update_one({"_id": "copies"}, change, upsert=True)

    def trainer(self, cluster_id: str, name: str = "trainer") -> dict[str, str]:
        """Somebody who writes courses."""
        scopes = ["catalog:write", "teaching:write"]
        return self.issuer.authorization(
            scopes=scopes, cluster_id=cluster_id, person_id=f"{name}-{cluster_id}", subject=name, roles=["trainer"]
        )

    def reviewer(self, cluster_id: str) -> dict[str, str]:
        """Somebody who reviews courses."""
        return self.issuer.authorization(
            scopes=["catalog:review"],
            cluster_id=cluster_id,
            person_id=f"reviewer-{cluster_id}",
            subject="reviewer",
            roles=["reviewer"],
        )

    def manager(self, cluster_id: str) -> dict[str, str]:
        """Somebody who may do both, though not to the same course."""
        return self.issuer.authorization(
            scopes=["catalog:write", "catalog:review"], cluster_id=cluster_id, subject="manager", roles=["manager"]
        )

    # -- what is there

    def draft(self, cluster_id: str, **content: Any) -> str:
        """A complete draft."""
        return str(self.done("/v1/courses", self.trainer(cluster_id), course_body(**content))["id"])

    def course(self, cluster_id: str, **content: Any) -> str:
        """A published course."""
        course_id = self.draft(cluster_id, **content)
        self.publish(cluster_id, course_id)
        return course_id

    def publish(self, cluster_id: str, course_id: str) -> Any:
        """Submit and publish what is drafted."""
        self.done(f"/v1/courses/{course_id}/submit", self.trainer(cluster_id))
        return self.done(f"/v1/courses/{course_id}/publish", self.reviewer(cluster_id))

    def findable(self, *course_ids: str) -> None:
        """Wait until the process has the courses in its index."""
        clusters = {self.call("GET", f"/v1/courses/{one}").body["cluster_id"] for one in course_ids}
        lists = [f"/v1/courses?limit=500&cluster={cluster_id}" for cluster_id in clusters]

        def found() -> set[str]:
            return {item["id"] for path in lists for item in self.call("GET", path).body["items"]}

        self.until(lambda: set(course_ids) <= found())

    @staticmethod
    def until(seen: Callable[[], bool], seconds: float = 10) -> None:
        """Wait for what every process sees within a second, if it has the machine to itself."""
        end = time.monotonic() + seconds
        while not seen():
            assert time.monotonic() < end, "it has not come yet"
            time.sleep(0.01)

    def session(self, cluster_id: str, *steps: str, **terms: Any) -> str:
        """A session of a new course, taken through the steps."""
        trainer, course_id = self.trainer(cluster_id), self.course(cluster_id)
        session_id = str(self.done(f"/v1/courses/{course_id}/sessions", trainer, session_body(**terms))["id"])
        for step in steps:
            self.done(f"/v1/sessions/{session_id}/{step}", trainer)
        return session_id

    def events(self, key: str) -> list[str]:
        """The verbs published of an aggregate, in order."""
        rows = self.runtime.database["outbox"].find({"key": key}).sort("sequence", 1)
        return [row["type"].split(".")[1] for row in rows]

    def told(self, key: str) -> Any:
        """The last event of an aggregate."""
        row = self.runtime.database["outbox"].find_one({"key": key}, sort=[("sequence", -1)])
        assert row is not None
        return decode_data(row["type"], row["data"])

    # -- the other doors

    def tick(self, moment: datetime) -> None:
        """Do what the timers would do at that moment."""

        def work() -> UnitOfWork:
            unit = self.runtime.work()
            unit.clock = lambda: moment
            return unit

        def alone(act: Any) -> int:
            return decide(self.runtime.client, work, lambda unit: int(act(acting(unit))))

        for timer in timers.timers(alone, lambda: acting(work())):
            timer.action()

    def complete_roster(self, session_id: str) -> None:
        """Let the enrolment service's event come in."""
        event = RosterCompleted(session_id=session_id, course_id="c", cluster_id="c", completed=3, failed=0, no_show=1)
        record = incoming(event, 1, source="/enrolment")
        for subscription in handlers.subscriptions(acting):
            Inbox(self.runtime.client, self.runtime.database, "/catalog", subscription).take([record])


def acting(work: UnitOfWork) -> Actions:
    """The catalogue's actions on a unit of work."""
    return Actions(Store(work), work.clock, new_id)
