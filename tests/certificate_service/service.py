"""The certificate service alone: its real application on the real MongoDB, fed with events by hand.

The directory is stood in for by a small real HTTP server that speaks its names route and gives our client its token.
"""

import json
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import pytest

from services.certificate_service.app import create_app, wire_worker
from services.certificate_service.domain import Certificate
from services.certificate_service.store import Store
from shared.bus.held import Incoming
from shared.bus.inbox import Inbox
from shared.bus.worker import Plan
from shared.clock import new_id, utc_now
from shared.schemas.catalog import CoursePublished, Outcome
from shared.schemas.directory import (
    AwardingGranted,
    AwardingWithdrawn,
    ConsentGiven,
    ConsentWithdrawn,
    EmploymentEnded,
    EmploymentStarted,
    OrganisationRegistered,
    PersonErased,
    PersonMerged,
)
from shared.schemas.enrolment import EnrolmentCompleted, EnrolmentResultCorrected
from shared.schemas.event import Event
from shared.storage.lease import Lease
from shared.wiring.runtime import Runtime
from tests.records import incoming
from tests.tokens import TestIssuer

HOME, HOST, EMPLOYER, SCHOOL, COURSE = "cluster-home", "cluster-host", "employer-1", "school-1", "course-1"
HTTPS = "https://localhost:8443"
SECRET = "a person key secret of tests, long enough"
JOB_BEGAN = date(2020, 1, 1)


class Directory:
    """Names by person id, over HTTP, and a token endpoint."""

    def __init__(self) -> None:
        self.names: dict[str, tuple[str, str]] = {}
        self.erased: set[str] = set()
        self.down = False
        self.asked: list[list[str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, body: bytes) -> dict[str, Any]:
        """What the real ones would say."""
        if path == "/token":
            return {"access_token": "a-token", "expires_in": 300}
        wanted = json.loads(body)["person_ids"]
        self.asked.append(wanted)
        return {"items": [self._name(person_id) for person_id in wanted]}

    def _name(self, person_id: str) -> dict[str, Any]:
        given, family = self.names.get(person_id, (None, None))
        erased = person_id in self.erased
        return {
            "person_id": person_id,
            "given_name": None if erased else given,
            "family_name": None if erased else family,
            "erased": erased,
            "known": person_id in self.names,
        }

    def _handler(directory) -> type[BaseHTTPRequestHandler]:  # noqa: N805 (self is the handler below)
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                entitled = self.path == "/token" or self.headers.get("Authorization") == "Bearer a-token"
                status = 503 if directory.down else 200 if entitled else 401
                body = json.dumps(directory.answer(self.path, raw) if status == 200 else {}).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        return Handler


@dataclass
class Service:
    """The application, its database, its worker's plan, and what feeds it."""

    app: Any
    runtime: Runtime
    plan: Plan
    issuer: TestIssuer
    directory: Directory
    _sequences: dict[str, int] = field(default_factory=dict)
    _lease: Lease | None = None

    @property
    def client(self) -> Any:
        """A test client."""
        return self.app.test_client()

    # -- events

    def feed(self, *events: Event, at: datetime | None = None) -> None:
        """Let both subscriptions take in events of other services, in this order."""
        records = [self.record(event, at) for event in events]
        for name in ("copies", "issuing"):
            self.inbox(name).take(records)

    def inbox(self, name: str) -> Inbox:
        """The inbox of one subscription."""
        subscription = next(s for s in self.plan.subscriptions if s.name == name)
        return self.plan.inbox(subscription, self.plan.generations().present(name))

    def record(self, event: Event, at: datetime | None = None) -> Incoming:
        """The event as it comes from Kafka, the next one of its aggregate."""
        aggregate = f"{event.topic}/{event.key}"
        sequence = self._sequences[aggregate] = self._sequences.get(aggregate, 0) + 1
        return incoming(event, sequence, at=at)

    # -- people, courses, completions

    def person(self, given: str = "Zoë", family: str = "Müller-Ñandú", *, consents: bool = True) -> str:
        """A worker of EMPLOYER whom the directory knows; returns the id."""
        person_id = new_id()
        self.directory.names[person_id] = (given, family)
        self.feed(employed(person_id), *([consented(person_id)] if consents else []))
        return person_id

    def issue(self, person_id: str | None = None, **facts: Any) -> Certificate:
        """Complete an enrolment; the certificate that follows."""
        event = completed(person_id or self.person(), **facts)
        self.feed(event)
        found = self.of_enrolment(event.enrolment_id)
        assert found is not None, self.held()
        return found

    def of_enrolment(self, enrolment_id: str) -> Certificate | None:
        """The certificate of an enrolment."""
        row = self.runtime.database["certificates"].find_one({"enrolment_id": enrolment_id})
        return None if row is None else self.certificate(row["_id"])

    def certificate(self, certificate_id: str) -> Certificate:
        """The certificate as it is stored now."""
        return Store(self.runtime.work()).certificates.get(certificate_id)

    def held(self) -> list[Any]:
        """What is set aside, and why."""
        rows = self.runtime.database["held_events"].find({}, {"state": 1, "reason": 1, "aggregate": 1, "_id": 0})
        return list(rows)

    def events(self, certificate_id: str) -> list[str]:
        """The verbs published of a certificate, in order."""
        rows = self.runtime.database["outbox"].find({"key": certificate_id}).sort("sequence", 1)
        return [row["type"].split(".")[1] for row in rows]

    # -- what else runs in the worker

    def stamp(self) -> int:
        """Give positions in the feed, as the relay does."""
        if self._lease is None:
            self._lease = Lease(self.runtime.database, "relay", uuid.uuid4().hex, seconds=3600)
            assert self._lease.acquire()
        assert self.plan.stamp is not None
        return self.plan.stamp(self._lease)

    def tick(self) -> int:
        """Do what the timers would do now."""
        return sum(timer.action() for timer in self.plan.timers)

    def caught_up(self, ago: timedelta = timedelta()) -> None:
        """The copies were seen to be up to date so long ago."""
        change = {"$set": {"caught_up_at": utc_now() - ago, "lag": 0}}
        self.runtime.database["consumer_progress"].update_one({"_id": "copies"}, change, upsert=True)

    # -- callers

    def headers(self, **claims: Any) -> dict[str, str]:
        """Headers of the home cluster's partner portal, unless told otherwise."""
        wanted: dict[str, Any] = {"scopes": ["certificate:read"], "cluster_id": HOME, "person_id": None} | claims
        return {"Authorization": f"Bearer {self.issuer.token(**wanted)}"}

    def worker(self, person_id: str) -> dict[str, str]:
        """Headers of a worker who signed in."""
        return self.headers(person_id=person_id, roles=["worker"], subject=f"login-{person_id}")

    def hr(self, employer: str = EMPLOYER, **claims: Any) -> dict[str, str]:
        """Headers of an employer's HR."""
        return self.headers(person_id="hr-person", roles=["hr"], organisation_ids=[employer], **claims)

    def manager(self, cluster_id: str = HOST) -> dict[str, str]:
        """Headers of a cluster's manager."""
        scopes = ["certificate:read", "certificate:manage"]
        return self.headers(person_id="manager", roles=["manager"], scopes=scopes, cluster_id=cluster_id)

    # -- requests

    def get(self, path: str, headers: dict[str, str] | None = None, **query: Any) -> Any:
        """GET as a caller."""
        return self.client.get(path, headers=headers, query_string=query)

    def act(self, certificate_id: str, action: str, headers: dict[str, str] | None = None, **body: Any) -> Any:
        """POST an action on a certificate, as the awarding cluster's manager unless told otherwise."""
        path = f"/v1/certificates/{certificate_id}/{action}"
        return self.client.post(path, headers=headers or self.manager(), json=body or None)

    def credential(self, certificate_id: str, person_id: str) -> dict[str, Any]:
        """The signed credential, as its holder gets it."""
        answer = self.get(f"/credentials/{certificate_id}", self.worker(person_id))
        assert answer.status_code == 200, answer.json
        found: dict[str, Any] = answer.json
        return found

    def verify(self, **question: Any) -> dict[str, Any]:
        """POST a verification; the answer."""
        answer = self.client.post("/v1/verifications", json=question)
        assert answer.status_code == 200, answer.json
        found: dict[str, Any] = answer.json
        return found


def failed_checks(verdict: dict[str, Any]) -> list[str]:
    """The lines that do not hold."""
    return [check["name"] for check in verdict["checks"] if check["ok"] is False]


@contextmanager
def running_service(mongo: str, issuer: TestIssuer, https: str = HTTPS) -> Iterator[Service]:
    """One service with a database of its own that is dropped at the end."""
    prefix = f"t{uuid.uuid4().hex[:10]}_"
    with Directory() as directory, pytest.MonkeyPatch.context() as patch:
        environment = {
            "CLUSTERSKILLS_MONGO_URL": mongo,
            "CLUSTERSKILLS_KAFKA_BOOTSTRAP": "127.0.0.1:9",
            "CLUSTERSKILLS_DATABASE_PREFIX": prefix,
            "CLUSTERSKILLS_PUBLIC_URL": "http://localhost:8080",
            "CLUSTERSKILLS_PUBLIC_HTTPS_URL": https,
            "CLUSTERSKILLS_CURSOR_SECRET": "cursor-secret-of-a-test",
            "CLUSTERSKILLS_PERSON_KEY_SECRET": SECRET,
            "CLUSTERSKILLS_DIRECTORY_URL": directory.url,
            "CLUSTERSKILLS_OIDC_TOKEN_URL": f"{directory.url}/token",
            "CLUSTERSKILLS_NAMES_CLIENT_ID": "names-certificate",
            "CLUSTERSKILLS_NAMES_CLIENT_SECRET": "a-secret",
            **issuer.environment(),
        }
        for name, value in environment.items():
            patch.setenv(name, value)
        app = create_app()
        runtime, plan = wire_worker()
        for each in (runtime, app.extensions["runtime"]):
            each.wait()  # the database must not go while migrations run: that ends the process
        service = Service(app, runtime, plan, issuer, directory)
        service.feed(registered(SCHOOL), published())
        service.caught_up(ago=-timedelta(hours=1))
        yield service
        runtime.client.drop_database(runtime.database.name)
        runtime.close()
        app.extensions["runtime"].close()


# -- events of other services


def published(course_id: str = COURSE, version: int = 1, **facts: Any) -> CoursePublished:
    """A course of SCHOOL, offered in the name of HOST."""
    defaults: dict[str, Any] = {
        "course_id": course_id,
        "course_version": version,
        "cluster_id": HOST,
        "provider_id": SCHOOL,
        "awarding_body_id": SCHOOL,
        "type": "course",
        "default_language": "de",
        "titles": {"de": "Schweißroboter vorausschauend warten", "en": "Predictive maintenance of welding robots"},
        "descriptions": {"de": "Sensordaten lesen und Reparaturen planen.", "en": "Reading sensor data."},
        "outcomes": [
            Outcome(
                title={"de": "Robotik warten", "en": "maintain robotic equipment"},
                type="skill",
                esco_uri="http://data.europa.eu/esco/skill/86e2b6a7-2c5b-4bd1-8d5c-2b8e3e3b6e77",
                digcomp_code="1.2",
            )
        ],
        "isced_f": "0714",
        "skill_category": "digital",
        "pillar": None,
        "workload_hours": 37.5,
        "eqf_level": 5,
        "ects": 1.5,
        "mode": "Blended",
        "assessment_type": "written examination",
        "quality_assurance_type": "ISO 21001",
        "audience": ["worker"],
        "certificate_validity_months": 24,
        "published_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return CoursePublished(**(defaults | facts))


def registered(organisation_id: str, cluster_id: str = HOST) -> OrganisationRegistered:
    """An awarding body."""
    return OrganisationRegistered(
        organisation_id=organisation_id,
        type="training_provider",
        legal_name="Musterakademie Süd",
        country="DE",
        homepage="https://south.example",
        cluster_id=cluster_id,
    )


def granted(organisation_id: str, **to: str) -> AwardingGranted:
    """A seal is lent."""
    return AwardingGranted(grant_id=new_id(), organisation_id=organisation_id, purpose="award", **to)


def withdrawn(grant: AwardingGranted) -> AwardingWithdrawn:
    """It is lent no longer."""
    return AwardingWithdrawn(
        grant_id=grant.grant_id,
        organisation_id=grant.organisation_id,
        purpose=grant.purpose,
        grantee_id=grant.grantee_id,
        course_id=grant.course_id,
    )


def employed(person_id: str, employer: str = EMPLOYER, since: date = JOB_BEGAN) -> EmploymentStarted:
    """They work there since then."""
    return EmploymentStarted(
        employment_id=f"job-{person_id}-{employer}", person_id=person_id, organisation_id=employer, valid_from=since
    )


def left(person_id: str, until: date, employer: str = EMPLOYER) -> EmploymentEnded:
    """They worked there until then."""
    return EmploymentEnded(
        employment_id=f"job-{person_id}-{employer}", person_id=person_id, organisation_id=employer, valid_until=until
    )


def consented(person_id: str, employer: str = EMPLOYER) -> ConsentGiven:
    """They share results."""
    return ConsentGiven(
        consent_id=f"consent-{person_id}-{employer}",
        person_id=person_id,
        organisation_id=employer,
        purpose="share_results",
    )


def withdrew(person_id: str, employer: str = EMPLOYER) -> ConsentWithdrawn:
    """They no longer do."""
    return ConsentWithdrawn(
        consent_id=f"consent-{person_id}-{employer}",
        person_id=person_id,
        organisation_id=employer,
        purpose="share_results",
    )


def completed(person_id: str, **facts: Any) -> EnrolmentCompleted:
    """Somebody of HOME passed COURSE, which HOST held."""
    return EnrolmentCompleted(
        **(_enrolment(person_id) | {"completed_at": utc_now(), "attendance": 90, "score": 87.0} | facts)
    )


def corrected(certificate: Certificate, *, passed: bool, score: float | None = None) -> EnrolmentResultCorrected:
    """The result behind a certificate was corrected."""
    facts = _enrolment(certificate.person_id or "") | {"enrolment_id": certificate.enrolment_id}
    return EnrolmentResultCorrected(
        **facts, passed=passed, score=score, completed_at=certificate.awarded_at if passed else None
    )


def erased(person_id: str) -> PersonErased:
    """Forget them."""
    return PersonErased(person_id=person_id)


def merged(person_id: str, into: str) -> PersonMerged:
    """They are one."""
    return PersonMerged(person_id=person_id, into_person_id=into)


def people_of(service: Service, count: int) -> Sequence[str]:
    """Workers with consent."""
    ids = [new_id() for _ in range(count)]
    service.directory.names |= {i: ("Ana", f"Número {n}") for n, i in enumerate(ids)}
    service.feed(*(event for i in ids for event in (employed(i), consented(i))))
    return ids


def _enrolment(person_id: str) -> dict[str, Any]:
    return {
        "enrolment_id": new_id(),
        "session_id": "session-1",
        "course_id": COURSE,
        "course_version": 1,
        "person_id": person_id,
        "cluster_id": HOME,
        "host_cluster_id": HOST,
        "employer_id": EMPLOYER,
    }
