"""Seed a running stack through its public API. Every step may be repeated: what is there already stays as it is."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from clusterskills import seed
from clusterskills.client import ApiError
from clusterskills.demo.cast import Cast
from clusterskills.demo.work import seed_work
from deploy.identity import ids
from deploy.identity.people import logins

T = TypeVar("T")
_THREADS = 8
_PEOPLE_PER_CLUSTER = 4
_PATIENCE_SECONDS = 30.0
_ON_ITS_WAY = frozenset({"UNKNOWN_ORGANISATION", "NOT_GRANTED"})


@dataclass(frozen=True, slots=True)
class Seeded:
    """What is there after seeding."""

    organisations: int
    people: int
    courses: dict[str, str]
    """External id of each published course -> course id."""


def seed_everything(cast: Cast, say: Callable[[str], None]) -> Seeded:
    """Partnerships, clusters, companies, people, courses."""
    organisations = seed_organisations(cast)
    say(f"{organisations} organisations: {len(seed.partnerships())} partnerships, {len(seed.clusters())} clusters")
    seed_portals(cast)
    people = seed_people(cast)
    say(f"{people} people with employments")
    courses = seed_courses(cast)
    say(f"{len(courses)} courses published")
    sessions = seed_work(cast, courses, partial(course_body, known=courses))
    say(f"{sessions} open sessions; in each cluster applications, a review, an import and a membership to decide")
    return Seeded(organisations, people, courses)


def seed_organisations(cast: Cast) -> int:
    """Organisations first, then who belongs to whom, and whose seal a provider may use."""
    bodies = [*_partnerships(), *_clusters(), *_companies()]
    operator = cast.program("platform-operator")
    _together(lambda body: _once(lambda: operator.post("/v1/organisations", body, key=f"seed-{body['id']}")), bodies)
    _together(
        lambda body: _once(lambda: operator.post("/v1/memberships", body, key=f"seed-{body['id']}")), _memberships()
    )
    _together(
        lambda body: _once(lambda: operator.post("/v1/awarding-grants", body, key=f"seed-{body['id']}")), _grants()
    )
    return len(bodies)


def seed_portals(cast: Cast) -> None:
    """Each cluster's settings, as its managers would have begun them. Settings that somebody changed stay."""
    operator = cast.program("platform-operator")

    def begin(cluster: seed.Cluster) -> None:
        path = f"/v1/portals/{ids.cluster_id(cluster.slug)}"
        if operator.get(path).body["version"] == 0:
            operator.patch(path, _settings(cluster), if_match='"0"')

    _together(begin, seed.clusters())


def seed_people(cast: Cast) -> int:
    """The people behind the logins, and some workers of each cluster."""
    operator = cast.program("platform-operator")
    known = [login for login in logins() if login.cluster is not None]

    def add_login(login: Any) -> None:
        body = {
            "id": login.person_id,
            "cluster_id": ids.cluster_id(login.cluster),
            "given_name": login.given_name,
            "family_name": login.family_name,
            "email": login.username,
        }
        _once(lambda: operator.post("/v1/people", body, key=f"seed-{login.person_id}"))
        for slug in login.organisations:
            _employ(cast, login.cluster, login.person_id, slug)

    _together(add_login, known)
    workers = [person for cluster in seed.clusters() for person in seed.people(cluster.slug, _PEOPLE_PER_CLUSTER)]
    _together(lambda person: enlist(cast, person), workers)
    return len(known) + len(workers)


def enlist(cast: Cast, person: seed.Person) -> str:
    """Register a worker through their cluster's portal, with employment and consent; returns the person id."""
    portal = cast.program(f"partner-{person.cluster}")
    body = {
        "given_name": person.given_name,
        "family_name": person.family_name,
        "email": person.email,
        "language": person.language,
    }
    person_id: str = portal.put(f"/v1/people/by-external-id/{person.external_id}", body).body["id"]
    _employ(cast, person.cluster, person_id, person.organisation)
    consent = {"person_id": person_id, "organisation_id": ids.organisation_id(person.organisation)}
    _once(lambda: portal.post("/v1/consents", consent, key=f"seed-consent-{person_id}"))
    return person_id


def seed_courses(cast: Cast) -> dict[str, str]:
    """All courses, published; a prerequisite before the course that asks for it."""
    done: dict[str, str] = {}
    waiting = list(seed.courses())
    while waiting:
        ready = [course for course in waiting if set(course.prerequisites) <= done.keys()]
        made = _together(partial(publish_course, cast, known=dict(done)), ready)
        done |= {course.external_id: course_id for course, course_id in zip(ready, made, strict=True)}
        waiting = [course for course in waiting if course.external_id not in done]
    return done


def publish_course(cast: Cast, course: seed.Course, known: dict[str, str]) -> str:
    """Write a course as its provider's system, and publish it as the cluster's quality office; returns its id."""
    cluster = _cluster_of(course)
    author, reviewer = cast.program(f"provider-{cluster}"), cast.program(f"quality-{cluster}")
    body = course_body(course, known)
    made = when_known(lambda: author.put(f"/v1/courses/by-external-id/{course.external_id}", body)).body
    if made["status"] == "draft":
        author.post(f"/v1/courses/{made['id']}/submit")
        reviewer.post(f"/v1/courses/{made['id']}/publish")
    return str(made["id"])


def when_known(act: Callable[[], T]) -> T:
    """Write a course; again while organisations and grants of just now have not come to the catalogue."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return act()
        except ApiError as error:
            codes = {violation["code"] for violation in error.problem.get("violations", [])}
            if not codes or not codes <= _ON_ITS_WAY or time.monotonic() > until:
                raise


def course_body(course: seed.Course, known: dict[str, str]) -> dict[str, Any]:
    """A course of the seed as the catalogue takes it."""
    body = {
        "type": course.type,
        "titles": course.title,
        "descriptions": course.description,
        "default_language": course.default_language,
        "provider_id": ids.organisation_id(course.provider),
        "awarding_body_id": awarding_body_id(course.awarding_body),
        "homepage": course.homepage,
        "isced_f": course.isced_f,
        "outcomes": [_outcome(outcome) for outcome in course.learning_outcomes],
        "skill_category": course.skill_category,
        "pillar": course.pillar,
        "job_roles": list(course.job_roles),
        "workload_hours": course.workload_hours,
        "ects": course.ects,
        "eqf_level": course.eqf_level,
        "mode": course.mode,
        "assessment_type": course.assessment_type,
        "quality_assurance_type": course.quality_assurance_type,
        "prerequisites": [known[external_id] for external_id in course.prerequisites],
        "audience": list(course.audience),
        "certificate_validity_months": course.certificate_validity_months,
    }
    return {name: value for name, value in body.items() if value is not None}


def awarding_body_id(slug: str) -> str:
    """A cluster or an organisation may award."""
    clusters = {cluster.slug for cluster in seed.clusters()}
    return ids.cluster_id(slug) if slug in clusters else ids.organisation_id(slug)


def _outcome(outcome: seed.LearningOutcome) -> dict[str, Any]:
    fields = {
        "title": outcome.title,
        "type": outcome.type,
        "esco_uri": outcome.esco_uri,
        "esco_title": outcome.esco_label,
        "digcomp_code": outcome.digcomp,
        "greencomp_code": outcome.greencomp,
        "reuse_level": outcome.reuse_level,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _cluster_of(course: seed.Course) -> str:
    return next(o.cluster for o in seed.organisations() if o.slug == course.provider)


def _employ(cast: Cast, cluster: str, person_id: str, organisation: str) -> None:
    body = {
        "person_id": person_id,
        "organisation_id": ids.organisation_id(organisation),
        "valid_from": "2024-01-01",
    }
    key = f"seed-employment-{person_id}-{organisation}"
    _once(lambda: cast.program(f"partner-{cluster}").post("/v1/employments", body, key=key))


def _partnerships() -> Iterable[dict[str, Any]]:
    for partnership in seed.partnerships():
        coordinator = partnership.coordinator or partnership.members[0]
        country = next(c.country for c in seed.clusters() if c.slug == coordinator)
        yield _organisation(
            id=ids.organisation_id(partnership.slug),
            cluster_id=ids.cluster_id(coordinator),
            type="partnership",
            legal_name=partnership.name,
            country=country,
            homepage=partnership.homepage,
        )


def _clusters() -> Iterable[dict[str, Any]]:
    for cluster in seed.clusters():
        yield _organisation(
            id=ids.cluster_id(cluster.slug),
            cluster_id=ids.cluster_id(cluster.slug),
            type="cluster",
            legal_name=cluster.name,
            country=cluster.country,
            nuts2=cluster.nuts2,
            region_category=cluster.region_category,
            homepage=cluster.homepage,
        )


def _companies() -> Iterable[dict[str, Any]]:
    for company in seed.organisations():
        yield _organisation(
            id=ids.organisation_id(company.slug),
            cluster_id=ids.cluster_id(company.cluster),
            type=company.type,
            legal_name=company.legal_name,
            country=company.country,
            registration_id=company.registration_id,
            nuts2=company.nuts2,
            region_category=company.region_category,
            sector=company.nace,
            headcount=company.headcount,
            turnover_eur=company.turnover_eur,
            balance_sheet_eur=company.balance_sheet_eur,
            group_linked=company.group_linked,
        )


def _settings(cluster: seed.Cluster) -> dict[str, Any]:
    language = cluster.default_language
    languages = ["en"] if language == "en" else [language, "en"]
    return {
        "brand": {"name": cluster.name, "colour": _COLOURS[seed.clusters().index(cluster) % len(_COLOURS)]},
        "languages": languages,
        "default_language": language,
        "imprint": {"organisation": cluster.name},
        "consent_texts": [
            {"purpose": "share_results", "language": tag, "text_version": "2026-01", "text": text}
            for tag, text in _CONSENT_TEXTS.items()
            if tag in languages
        ],
    }


_COLOURS = ("#1f4e79", "#0b6e4f", "#7a1f3d", "#5b3a8c", "#8a3b12", "#2f4858")
_CONSENT_TEXTS = {
    "en": "I let my employer see which courses I take, whether I attended, and my results. I can withdraw this any time.",
    "de": "Mein Arbeitgeber darf sehen, welche Kurse ich belege, ob ich teilgenommen habe und mit welchem Ergebnis. "
    "Das kann ich jederzeit widerrufen.",
}


def _memberships() -> list[dict[str, Any]]:
    pairs = [
        (ids.cluster_id(slug), ids.organisation_id(partnership.slug))
        for partnership in seed.partnerships()
        for slug in partnership.members
    ]
    pairs += [(ids.organisation_id(o.slug), ids.cluster_id(o.cluster)) for o in seed.organisations()]
    return [
        {
            "id": ids.organisation_id(f"membership {member} {group}"),
            "organisation_id": member,
            "group_id": group,
            "valid_from": "2024-01-01",
        }
        for member, group in pairs
    ]


def _grants() -> list[dict[str, Any]]:
    """A seal that is not the provider's own is lent to the provider by whose it is."""
    pairs = sorted({(c.awarding_body, c.provider) for c in seed.courses() if c.awarding_body != c.provider})
    return [
        {
            "id": ids.organisation_id(f"grant {body} {provider}"),
            "organisation_id": awarding_body_id(body),
            "grantee_id": ids.organisation_id(provider),
        }
        for body, provider in pairs
    ]


def _organisation(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _once(act: Callable[[], Any]) -> None:
    """Do it unless it was done: a conflict says that it is there already."""
    try:
        act()
    except ApiError as error:
        if error.status != 409:
            raise


def _together(act: Callable[[Any], T], items: Iterable[Any]) -> list[T]:
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(act, items))
