"""The catalogue alone: its real application on the real MongoDB, called as trainers and reviewers would."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.catalog_service import handlers, timers
from services.catalog_service.actions import Actions
from services.catalog_service.store import Store
from shared.bus.inbox import Inbox
from shared.clock import new_id
from shared.schemas.codec import decode_data
from shared.schemas.enrolment import RosterCompleted
from shared.storage.transaction import decide
from shared.storage.work import UnitOfWork
from shared.wiring.house import House
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
class Answer:
    """What came back."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def codes(self) -> list[tuple[str, str]]:
        """Field and code of every violation."""
        return [(violation["field"], violation["code"]) for violation in self.body.get("violations", [])]


@dataclass
class Office:
    """The application, its house, and who calls it."""

    app: Any
    house: House
    issuer: TestIssuer

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
        """A cluster that nobody knows yet."""
        return str(uuid.uuid4())

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

    def session(self, cluster_id: str, *steps: str, **terms: Any) -> str:
        """A session of a new course, taken through the steps."""
        trainer, course_id = self.trainer(cluster_id), self.course(cluster_id)
        session_id = str(self.done(f"/v1/courses/{course_id}/sessions", trainer, session_body(**terms))["id"])
        for step in steps:
            self.done(f"/v1/sessions/{session_id}/{step}", trainer)
        return session_id

    def events(self, key: str) -> list[str]:
        """The verbs published of an aggregate, in order."""
        rows = self.house.database["outbox"].find({"key": key}).sort("sequence", 1)
        return [row["type"].split(".")[1] for row in rows]

    def told(self, key: str) -> Any:
        """The last event of an aggregate."""
        row = self.house.database["outbox"].find_one({"key": key}, sort=[("sequence", -1)])
        assert row is not None
        return decode_data(row["type"], row["data"])

    # -- the other doors

    def tick(self, moment: datetime) -> None:
        """Do what the timers would do at that moment."""

        def work() -> UnitOfWork:
            unit = self.house.work()
            unit.clock = lambda: moment
            return unit

        def alone(act: Any) -> int:
            return decide(self.house.client, work, lambda unit: int(act(acting(unit))))

        for timer in timers.timers(alone, lambda: acting(work())):
            timer.action()

    def complete_roster(self, session_id: str) -> None:
        """Let the enrolment service's event come in."""
        event = RosterCompleted(session_id=session_id, course_id="c", cluster_id="c", completed=3, failed=0, no_show=1)
        record = incoming(event, 1, source="/enrolment")
        for subscription in handlers.subscriptions(acting):
            Inbox(self.house.client, self.house.database, "/catalog", subscription).take([record])


def acting(work: UnitOfWork) -> Actions:
    """The catalogue's actions on a unit of work."""
    return Actions(Store(work), work.clock, new_id)
