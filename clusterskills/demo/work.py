"""Work that waits in a fresh demo: sessions to apply for, applications to decide, a course to review, an import whose
rows are to be mended, an organisation that asks to join. In each cluster that people sign in to; repeated, it adds nothing.
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from clusterskills import seed
from clusterskills.client import Answer, ApiError
from clusterskills.demo.cast import Cast
from deploy.identity import ids
from deploy.identity.people import Login, logins

_PATIENCE: Final = 20.0
_SESSIONS: Final = 2
_APPLICANTS: Final = 2
_HEADER: Final = "number;given name;family name;email;company;entry date;consent;how;consent date"


Written = Callable[[seed.Course], dict[str, Any]]
"""A course as the catalogue takes it."""


def seed_work(cast: Cast, courses: Mapping[str, str], written: Written) -> int:
    """`courses`: id by external id of what is published. Returns how many sessions are open."""
    clusters = sorted({login.cluster for login in logins() if login.cluster is not None})
    with ThreadPoolExecutor(len(clusters)) as pool:
        return sum(pool.map(lambda cluster: seed_cluster(cast, cluster, courses, written), clusters))


def seed_cluster(cast: Cast, cluster: str, courses: Mapping[str, str], written: Written) -> int:
    """The same for one cluster."""
    _ask_to_join(cast, cluster)
    _import(cast, cluster)
    own = [course for course in seed.courses() if course.provider == _login("trainer", cluster).organisations[0]]
    if not own:
        return 0
    _submit(cast, cluster, own[0], written)
    opened = cast.outsider.get("/v1/sessions", cluster=ids.cluster_id(cluster), status="open").body["items"]
    if opened:
        return len(opened)
    free = [courses[course.external_id] for course in own if not course.prerequisites]
    sessions = [_open(cast, cluster, free[n % len(free)], 21 + 14 * n) for n in range(_SESSIONS)] if free else []
    if sessions:
        _apply(cast, cluster, sessions[0])
    return len(sessions)


def _login(role: str, cluster: str) -> Login:
    return next(login for login in logins() if login.role == role and login.cluster == cluster)


def _open(cast: Cast, cluster: str, course_id: str, days: int) -> str:
    trainer = cast.program(f"provider-{cluster}")
    place = next(one for one in seed.clusters() if one.slug == cluster)
    begins = datetime.now(UTC).replace(hour=8, minute=0, second=0, microsecond=0) + timedelta(days=days)
    body = {
        "starts_at": begins.isoformat(),
        "ends_at": (begins + timedelta(hours=8)).isoformat(),
        "timezone": "Europe/Berlin",
        "application_deadline": (begins - timedelta(days=7)).isoformat(),
        "language": place.default_language,
        "mode": "Presential",
        "place": place.name,
        "capacity": 8,
        "waitlist_limit": 10,
        "approval_needed": True,
    }
    made: str = trainer.post(f"/v1/courses/{course_id}/sessions", body).body["id"]
    trainer.post(f"/v1/sessions/{made}/open")
    return made


def _apply(cast: Cast, cluster: str, session_id: str) -> None:
    """Workers of the SME for which the demo's HR acts apply; HR has to decide."""
    employer = _login("hr", cluster).organisations[0]
    for worker in [one for one in seed.people(cluster, 12) if one.organisation == employer][:_APPLICANTS]:
        body = {
            "session_id": session_id,
            "worker": {"external_id": worker.external_id},
            "employer_id": ids.organisation_id(employer),
        }
        _when_heard(partial(cast.program(f"partner-{cluster}").post, "/v1/enrolments", body))


def _when_heard(apply: Callable[[], Answer]) -> None:
    """Again while the session, the person's employment or consent is on its way."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        try:
            if apply().body["status"] != "ineligible":
                return
        except ApiError as error:
            if error.status not in {404, 409, 422}:
                raise
            if error.status == 409:  # the seed was here before
                return
        time.sleep(0.2)


def _submit(cast: Cast, cluster: str, like: seed.Course, written: Written) -> None:
    """A course that waits for a reviewer."""
    author = cast.program(f"provider-{cluster}")
    external_id = f"{like.external_id}-refresher"
    titles = {language: f"{title} 2" for language, title in like.title.items()}
    body = {**written(like), "titles": titles}
    made = author.put(f"/v1/courses/by-external-id/{external_id}", body).body
    if made["status"] == "draft":
        author.post(f"/v1/courses/{made['id']}/submit")


def _import(cast: Cast, cluster: str) -> None:
    """HR imported five people; two rows are to be mended."""
    hr = cast.person("hr", cluster)
    if hr.get("/v1/directory/jobs", kind="people-import", limit=1).body["items"]:
        return
    employer = next(one for one in seed.organisations() if one.slug == _login("hr", cluster).organisations[0])
    rows = [
        f"import-{n};{one.given_name};{one.family_name};import-{cluster}-{n}@people.example;{employer.legal_name};"
        "2026-03-01;yes;signed form;2026-03-02"
        for n, one in enumerate(seed.people(employer.slug, 105)[-5:], 1)
    ]
    rows[1] = rows[1].replace("@people.example", " at people.example")
    rows[3] = rows[3].replace("2026-03-01", "31.02.2026")
    content = "\n".join([_HEADER, *rows]).encode()
    hr.upload("/v1/people-imports", "people.csv", content, key=f"seed-import-{cluster}")


def _ask_to_join(cast: Cast, cluster: str) -> None:
    """A company of the next cluster asks to be a member."""
    slugs = sorted({login.cluster for login in logins() if login.cluster is not None})
    neighbour = slugs[(slugs.index(cluster) + 1) % len(slugs)]
    company = next(one for one in seed.organisations() if one.cluster == neighbour and one.type == "large_company")
    body = {
        "id": ids.organisation_id(f"request {company.slug} {cluster}"),
        "organisation_id": ids.organisation_id(company.slug),
        "group_id": ids.cluster_id(cluster),
    }
    try:
        cast.program(f"partner-{neighbour}").post("/v1/memberships", body, key=f"seed-{body['id']}")
    except ApiError as error:
        if error.status != 409:
            raise
