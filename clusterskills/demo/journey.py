"""One course's way from a trainer's draft to a certificate that an outsider verifies, step by step on a real stack."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from clusterskills import seed
from clusterskills.client import Api, ApiError
from clusterskills.demo.cast import Cast
from clusterskills.demo.seeding import course_body, enlist, when_known
from deploy.identity import ids
from deploy.identity.people import logins
from shared.bus.tail import Witness

SEATS = 3
_PATIENCE = 30.0


class StepFailed(Exception):
    """A step did not come out as promised."""


@dataclass(frozen=True, slots=True)
class Step:
    """What happened, who did it, which event crossed, and how long both took (seconds)."""

    what: str
    who: str
    event: str
    seconds: float


Tell = Callable[[Step], None]


@dataclass(slots=True)
class _Found:
    """What earlier steps made."""

    course_id: str = ""
    session_id: str = ""
    people: list[str] = field(default_factory=list)
    enrolments: list[str] = field(default_factory=list)
    graduates: list[str] = field(default_factory=list)
    certificates: list[dict[str, Any]] = field(default_factory=list)


class Journey:
    """The journey of one course in one cluster. `run` raises StepFailed or ApiError at the first step that fails."""

    def __init__(
        self, cast: Cast, witness: Witness, course: seed.Course, tell: Tell, *, cluster: str = "wfr-heilbronn"
    ) -> None:
        self._cast, self._witness, self._course, self._tell = cast, witness, course, tell
        self._cluster = cluster
        self._found = _Found()
        self._run = uuid.uuid4().hex[:8]
        self._employer = self._first_employer()

    def run(self) -> None:
        """All steps in order."""
        self.publish()
        self.open()
        self.teach()
        self.certify()

    def publish(self) -> str:
        """From the draft to the published course; its id."""
        self._write_course()
        self._review_course()
        return self._found.course_id

    def open(self) -> None:
        """A session that takes applications."""
        self._open_session()

    def teach(self) -> list[str]:
        """From the applications to the results; the enrolments of those who passed."""
        self._enlist_workers()
        self._apply()
        self._approve()
        self._cancel_one()
        self._take_offer()
        self._start()
        self._record()
        return list(self._found.graduates)

    def certify(self) -> None:
        """From the certificates to the revocation of one."""
        self._issue()
        self._pull()
        self._verify()
        self._tamper()
        self._revoke()

    # -- the steps

    def _write_course(self) -> None:
        trainer = self._person("trainer")
        body = course_body(self._course, {})
        foreign = next(one.slug for one in seed.clusters() if one.slug != self._cluster)
        self._refused(lambda: trainer.post("/v1/courses", body | {"awarding_body_id": ids.cluster_id(foreign)}), {422})
        begun = time.perf_counter()
        named = body | {"external_id": f"{self._course.external_id}-{self._run}"}
        made = when_known(lambda: trainer.post("/v1/courses", named)).body
        trainer.post(f"/v1/courses/{made['id']}/submit")
        self._found.course_id = made["id"]
        self._done(
            "A trainer writes a course by the API (under a foreign seal it is refused) and asks for review",
            "trainer",
            "course.submitted",
            made["id"],
            begun,
        )

    def _review_course(self) -> None:
        course = self._found.course_id
        self._refused(lambda: self._person("trainer").post(f"/v1/courses/{course}/publish"), {403, 404, 409})
        begun = time.perf_counter()
        self._person("reviewer").post(f"/v1/courses/{course}/publish")
        self._done("A reviewer who is not the author publishes it", "reviewer", "course.published", course, begun)

    def _open_session(self) -> None:
        trainer = self._person("trainer")
        begun = time.perf_counter()
        session = trainer.post(f"/v1/courses/{self._found.course_id}/sessions", _session_body()).body
        trainer.post(f"/v1/sessions/{session['id']}/open")
        self._found.session_id = session["id"]
        self._until(lambda: self._cast.outsider.get(f"/v1/seats/{session['id']}").body["availability"] == "open")
        self._done(f"A session with {SEATS} seats opens", "trainer", "session.opened", session["id"], begun)

    def _enlist_workers(self) -> None:
        begun = time.perf_counter()
        workers = seed.people(self._employer, 200)[-(SEATS + 1) :]
        self._found.people = [
            enlist(self._cast, _renamed(worker, f"{worker.external_id}-{self._run}")) for worker in workers
        ]
        last = self._found.people[-1]
        self._done(
            f"The partner portal registers {SEATS + 1} workers of an SME, each with employment and consent",
            f"partner-{self._cluster}",
            "person.registered",
            last,
            begun,
        )

    def _apply(self) -> None:
        portal = self._portal
        begun = time.perf_counter()
        for person in self._found.people:
            body = {
                "session_id": self._found.session_id,
                "worker": {"person_id": person},
                "employer_id": ids.organisation_id(self._employer),
            }
            enrolment = self._eligible(portal, body)
            self._found.enrolments.append(enrolment["id"])
        self._done(
            "The portal applies for all of them; HR has to decide",
            f"partner-{self._cluster}",
            "enrolment.applied",
            self._found.enrolments[-1],
            begun,
        )

    def _approve(self) -> None:
        hr = self._person("hr")
        begun = time.perf_counter()
        answers = [hr.post(f"/v1/enrolments/{e}/approve").body for e in self._found.enrolments]
        self._expect([a["status"] for a in answers], ["confirmed"] * SEATS + ["waitlisted"])
        self._expect(answers[-1]["place_in_queue"], 1)
        self._done(
            f"HR approves {SEATS + 1}: {SEATS} are confirmed, the last one waits at place 1",
            "hr",
            "enrolment.waitlisted",
            self._found.enrolments[-1],
            begun,
        )

    def _cancel_one(self) -> None:
        first, last = self._found.enrolments[0], self._found.enrolments[-1]
        begun = time.perf_counter()
        self._portal.post(f"/v1/enrolments/{first}/cancel", {"reason": "on leave that week"})
        self._until(lambda: self._portal.get(f"/v1/enrolments/{last}").body["status"] == "offered")
        self._done(
            "Somebody cancels; the one who waits is offered the seat", "the queue", "enrolment.offered", last, begun
        )

    def _take_offer(self) -> None:
        last = self._found.enrolments[-1]
        begun = time.perf_counter()
        accepted = self._portal.post(f"/v1/enrolments/{last}/accept-offer").body
        self._expect(accepted["status"], "confirmed")
        self._done("They accept", f"partner-{self._cluster}", "enrolment.confirmed", last, begun)

    def _start(self) -> None:
        trainer, session = self._person("trainer"), self._found.session_id
        begun = time.perf_counter()
        trainer.post(f"/v1/sessions/{session}/close")
        trainer.post(f"/v1/sessions/{session}/start")
        self._until(lambda: self._cast.outsider.get(f"/v1/seats/{session}").body["availability"] == "closed")
        self._done("Enrolment closes and the session starts", "trainer", "session.started", session, begun)

    def _record(self) -> None:
        trainer, session = self._person("trainer"), self._found.session_id
        attendees = self._found.enrolments[1:]
        begun = time.perf_counter()
        present = [{"enrolment_id": e, "attendance": 95} for e in attendees]
        self._expect(trainer.put(f"/v1/rosters/{session}/attendance", {"items": present}).body["failed"], 0)
        results = [
            {"enrolment_id": e, "passed": e != attendees[0], "score": 40 if e == attendees[0] else 88}
            for e in attendees
        ]
        self._expect(trainer.post(f"/v1/rosters/{session}/results", {"items": results}).body["failed"], 0)
        self._found.graduates = attendees[1:]
        self._expect(trainer.post(f"/v1/rosters/{session}/complete", {}).body["completed"], len(attendees) - 1)
        self._done(
            f"The trainer records attendance and results: {len(attendees) - 1} pass, 1 fails",
            "trainer",
            "roster.completed",
            session,
            begun,
        )

    def _issue(self) -> None:
        begun = time.perf_counter()
        wanted = set(self._found.graduates)

        def issued() -> bool:
            items = list(self._person("hr").all("/v1/certificates", course=self._found.course_id))
            self._found.certificates = [c for c in items if c["enrolment_id"] in wanted]
            return len(self._found.certificates) == len(wanted)

        self._until(issued)
        first = self._found.certificates[0]["id"]
        self._done(
            f"{len(wanted)} certificates are signed and issued, one per completion",
            "certificate service",
            "certificate.issued",
            first,
            begun,
        )

    def _pull(self) -> None:
        begun = time.perf_counter()
        since = (datetime.now(UTC) - timedelta(hours=1)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        pulled = {c["id"] for c in self._person("hr").all("/v1/certificates", changed_since=since)}
        if not {c["id"] for c in self._found.certificates} <= pulled:
            raise StepFailed("HR's pull misses certificates.")
        self._tell(Step("HR pulls what changed in the last hour", "hr", "", time.perf_counter() - begun))

    def _verify(self) -> None:
        begun = time.perf_counter()
        verdict = self._cast.outsider.post("/v1/verifications", {"credential": self._credential()}).body
        self._expect(verdict["verified"], True)
        checks = ", ".join(check["name"] for check in verdict["checks"] if check["ok"])
        self._tell(Step(f"An outsider verifies one: {checks}", "an outsider", "", time.perf_counter() - begun))

    def _tamper(self) -> None:
        begun = time.perf_counter()
        credential = self._credential()
        forged = credential | {"name": credential["name"] + " with distinction"}
        verdict = self._cast.outsider.post("/v1/verifications", {"credential": forged}).body
        self._expect(verdict["verified"], False)
        reason = next(check["reason"] for check in verdict["checks"] if check["ok"] is False)
        self._tell(Step(f"A tampered one is refused: {reason}", "an outsider", "", time.perf_counter() - begun))

    def _revoke(self) -> None:
        certificate, credential = self._found.certificates[0]["id"], self._credential()
        begun = time.perf_counter()
        self._person("manager").post(f"/v1/certificates/{certificate}/revoke", {"reason": "issued by mistake"})
        verdict = self._cast.outsider.post("/v1/verifications", {"credential": credential}).body
        self._expect(verdict["verified"], False)
        failed = [check["name"] for check in verdict["checks"] if check["ok"] is False]
        self._expect(failed, ["revocation"])
        self._done("It is revoked, and then refused", "manager", "certificate.revoked", certificate, begun)

    # -- small things

    def _eligible(self, portal: Api, body: dict[str, Any]) -> Any:
        """Apply; employment and consent travel by their own topics and may arrive a moment after the person."""
        until = time.monotonic() + _PATIENCE
        while True:
            enrolment = portal.post("/v1/enrolments", body).body
            if enrolment["status"] != "ineligible" or time.monotonic() > until:
                self._expect(enrolment["status"], "applied")
                return enrolment
            time.sleep(0.1)

    def _credential(self) -> Any:
        return self._person("hr").get(f"/v1/certificates/{self._found.certificates[0]['id']}.json").body

    def _first_employer(self) -> str:
        """The SME for which the demo's HR person acts."""
        hr = next(login for login in logins() if login.role == "hr" and login.cluster == self._cluster)
        return hr.organisations[0]

    @property
    def _portal(self) -> Api:
        return self._cast.program(f"partner-{self._cluster}")

    def _person(self, role: str) -> Api:
        return self._cast.person(role, self._cluster)

    def _done(self, what: str, who: str, event: str, key: str, begun: float) -> None:
        """The event must cross the log; the step is over when somebody outside has seen it."""
        self._witness.wait_for(f"{event}.v1", key)
        self._tell(Step(what, who, f"{event}.v1", time.perf_counter() - begun))

    def _until(self, condition: Callable[[], bool]) -> None:
        until = time.monotonic() + _PATIENCE
        while not condition():
            if time.monotonic() > until:
                raise StepFailed(f"It did not happen within {_PATIENCE:.0f} s.")
            time.sleep(0.02)

    def _refused(self, act: Callable[[], Any], statuses: set[int]) -> None:
        try:
            act()
        except ApiError as error:
            if error.status in statuses:
                return
            raise
        raise StepFailed("The API allowed what it must refuse.")

    def _expect(self, actual: Any, wanted: Any) -> None:
        if actual != wanted:
            raise StepFailed(f"Expected {wanted!r} and got {actual!r}.")


def _session_body() -> dict[str, Any]:
    begins = datetime.now(UTC).replace(microsecond=0) + timedelta(days=14)
    return {
        "starts_at": begins.isoformat(),
        "ends_at": (begins + timedelta(hours=8)).isoformat(),
        "timezone": "Europe/Berlin",
        "application_deadline": (begins - timedelta(days=2)).isoformat(),
        "language": "de",
        "mode": "Presential",
        "place": "Heilbronn",
        "min_capacity": 1,
        "capacity": SEATS,
        "waitlist_limit": 10,
        "minimum_attendance": 80,
        "approval_needed": True,
    }


def _renamed(person: seed.Person, external_id: str) -> seed.Person:
    return replace(person, external_id=external_id)
