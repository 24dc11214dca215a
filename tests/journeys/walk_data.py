"""Something real for the walk to find: one journey in a cluster that no other test uses, and the ids of what is there."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from clusterskills import seed
from clusterskills.demo.cast import Cast
from clusterskills.demo.journey import Journey, StepFailed
from clusterskills.demo.seeding import course_body, seed_organisations, seed_people
from deploy.identity import ids
from shared.bus.tail import Witness
from shared.schemas.registry import topics

CLUSTER: Final = "msac-moravia"
Ids = dict[str, list[str]]

# Where an id may stand in a request -> what it is an id of.
PLACES: Final = {
    "path.course_id": "courses",
    "path.session_id": "sessions",
    "path.enrolment_id": "enrolments",
    "path.certificate_id": "certificates",
    "path.issuer_id": "issuers",
    "path.organisation_id": "organisations",
    "path.membership_id": "memberships",
    "path.grant_id": "grants",
    "path.person_id": "people",
    "path.employment_id": "employments",
    "path.consent_id": "consents",
    "path.external_id": "numbers",
    "path.number": "course versions",
    "header.If-Match": "etags",
    "body.session_id": "sessions",
    "body.worker.person_id": "people",
    "body.person_id": "people",
    "body.into_person_id": "people",
    "body.employer_id": "employers",
    "body.organisation_id": "employers",
    "body.grantee_id": "organisations",
    "body.course_id": "courses",
    "body.group_id": "organisations",
    "body.provider_id": "employers",
    "body.awarding_body_id": "issuers",
    "body.items[*].enrolment_id": "enrolments",
    "body.timezone": "timezones",
    "query.session_id": "sessions",
}


def prepare(facts: dict[str, Any]) -> Ids:
    """Walk the journey, leave an open session with applications and a draft; the ids of all that is there by kind."""
    cast = Cast(facts)
    try:
        seed_organisations(cast)
        seed_people(cast)
        begun = datetime.now(UTC)
        _walk_journey(cast)
        _lend_seals(cast)
        _open_another_session(cast, begun)
        return _ids(cast, begun)
    finally:
        cast.close()


def config(found: Ids) -> str:
    """The ids as schemathesis.toml: one in two requests names something that is there."""
    names = {kind: kind.replace(" ", "_") for kind in found if found[kind]}
    kinds = [f"[dictionaries.{name}]\nvalues = {_toml(found[kind])}\n" for kind, name in names.items()]
    places = [
        f'"{place}" = {{ dictionary = "{names[kind]}", probability = 0.5 }}'
        for place, kind in PLACES.items()
        if kind in names
    ]
    return "\n".join([*kinds, "[parameters]", *places, ""])


def _walk_journey(cast: Cast) -> None:
    witness = Witness(cast.kafka(), topics())
    witness.start()
    try:
        Journey(cast, witness, _course(), lambda _step: None, cluster=CLUSTER).run()
    finally:
        witness.close()


def _course() -> seed.Course:
    providers = {organisation.slug for organisation in seed.organisations() if organisation.cluster == CLUSTER}
    return next(course for course in seed.courses() if course.provider in providers and not course.prerequisites)


def _lend_seals(cast: Cast) -> None:
    """Organisations of the walk's own, which it may suspend, and what they lent each other."""
    manager = cast.person("manager", CLUSTER)
    facts = {"type": "training_provider", "legal_name": "Akademie der Probe", "country": "CZ"}
    made = [manager.post("/v1/organisations", facts).body["id"] for _ in range(3)]
    for organisation_id, grantee_id in pairwise(made):
        manager.post("/v1/awarding-grants", {"organisation_id": organisation_id, "grantee_id": grantee_id})


def _open_another_session(cast: Cast, begun: datetime) -> None:
    trainer, portal = cast.person("trainer", CLUSTER), cast.program(f"partner-{CLUSTER}")
    trainer.post("/v1/courses", course_body(_course(), {}))
    published = next(iter(trainer.all("/v1/courses", cluster=ids.cluster_id(CLUSTER))))
    session = trainer.post(f"/v1/courses/{published['id']}/sessions", _terms()).body["id"]
    trainer.post(f"/v1/sessions/{session}/open")
    _until(lambda: cast.outsider.get(f"/v1/seats/{session}").body["availability"] == "open")
    people = set(_some(_since(begun, portal.all("/v1/people"))))
    for job in [job for job in portal.all("/v1/employments") if job["person_id"] in people]:
        worker = {"person_id": job["person_id"]}
        body = {"session_id": session, "worker": worker, "employer_id": job["organisation_id"]}
        portal.post("/v1/enrolments", body)


def _terms() -> dict[str, Any]:
    begins = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
    return {
        "starts_at": begins.isoformat(),
        "ends_at": (begins + timedelta(hours=8)).isoformat(),
        "timezone": "Europe/Prague",
        "application_deadline": (begins - timedelta(days=2)).isoformat(),
        "language": "cs",
        "mode": "Presential",
        "place": "Ostrava",
        "capacity": 2,
        "waitlist_limit": 10,
        "approval_needed": True,
    }


def _ids(cast: Cast, begun: datetime) -> Ids:
    manager, cluster = cast.person("manager", CLUSTER), ids.cluster_id(CLUSTER)
    employments = list(manager.all("/v1/employments"))
    certificates = list(manager.all("/v1/certificates"))
    return {
        "courses": _some(_since(begun, manager.all("/v1/courses", mine="true"))),
        "sessions": _some(manager.all("/v1/sessions", cluster=cluster)),
        "enrolments": _some(manager.all("/v1/enrolments")),
        "certificates": _some(certificates),
        "issuers": sorted({one["awarding_body_id"] for one in certificates if one["visible"]}),
        "organisations": _some(manager.all("/v1/organisations", cluster=cluster)),
        "own organisations": _some(_since(begun, manager.all("/v1/organisations", cluster=cluster))),
        "grants": _some(manager.all("/v1/awarding-grants")),
        "memberships": _some(manager.all("/v1/memberships", group=cluster)),
        "people": _some(_since(begun, manager.all("/v1/people"))),
        "employments": _some(employments),
        "employers": sorted({job["organisation_id"] for job in employments})[:8],
        "consents": _some(manager.all("/v1/consents")),
        "numbers": ["walk-1", "walk-2"],
        "course versions": ["1", "2"],
        "etags": ['"1"', '"2"', '"3"'],
        "timezones": ["Europe/Prague", "UTC"],
    }


def _since(begun: datetime, things: Any) -> Any:
    """What the walk made; the seed must find its people and courses as it left them."""
    return [thing for thing in things if datetime.fromisoformat(thing["created_at"]) >= begun]


def _some(things: Any) -> list[str]:
    return [thing["id"] for thing in things][:12]


def _toml(values: list[str]) -> str:
    return "[" + ", ".join(f"'{value}'" for value in values) + "]"


def _until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not condition():
        if time.monotonic() > until:
            raise StepFailed("The session's seats did not come within 30 s.")
        time.sleep(0.05)
