"""Published courses as the search sees them: with the names of their skills, the provider's country, runs and seats."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from services.catalog_service.domain.content import Content
from services.catalog_service.domain.course import Course
from services.catalog_service.domain.found import Offer, Run
from services.catalog_service.domain.session import OPEN
from services.catalog_service.domain.skills import Concept, concept_id
from services.catalog_service.store.copies import ORGANISATIONS
from services.catalog_service.store.skills import Skills
from shared.storage.documents import thing_of
from shared.storage.mongo import Document
from shared.storage.work import UnitOfWork

SEATS: Final = "session_seats"
"""`{_id: session, confirmed, capacity, availability}` from the enrolment service's events; None: not said yet."""
_AT_ONCE: Final = 250
_CURRENCY: Final = "EUR"


class Offers:
    """Reads offers through one unit of work."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work
        self._skills = Skills(work.database)

    def all(self) -> Iterator[Offer]:
        """Every published course."""
        listed = self._work.collection("courses").find({"search.listed": True}, {"_id": 1}).hint("listed")
        ids = [row["_id"] for row in listed]
        for _, offer in self.of(ids):
            if offer is not None:
                yield offer

    def of(self, ids: Iterable[str]) -> Iterator[tuple[str, Offer | None]]:
        """Each of these courses as an offer; None where it is not offered (any more)."""
        wanted = list(dict.fromkeys(ids))
        for start in range(0, len(wanted), _AT_ONCE):
            yield from self._some(wanted[start : start + _AT_ONCE])

    def courses_of(self, collection: str, ids: Sequence[str]) -> list[str]:
        """The courses that are another offer when these documents of a collection have changed."""
        among: Document = {"$in": list(ids)}
        if collection == "courses":
            return list(ids)
        if collection == ORGANISATIONS:
            found = self._work.collection("courses").find({"provider_id": among, "search.listed": True}, {"_id": 1})
            return [row["_id"] for row in found]
        found = self._work.collection("sessions").find({"_id": among}, {"course_id": 1})
        return list(dict.fromkeys(row["course_id"] for row in found))

    def _some(self, ids: list[str]) -> Iterator[tuple[str, Offer | None]]:
        rows = self._work.collection("courses").find({"_id": {"$in": ids}})
        courses = {row["_id"]: thing_of(Course, row) for row in rows}
        listed = [one for one in courses.values() if one.content is not None and not one.retired]
        known = self._skills.known((n.framework, n.code) for one in listed for n in one.shown.named)
        runs = self._runs([one.id for one in listed])
        countries = self._countries({one.provider_id for one in listed})
        offers = {one.id: _offer(one, known, runs[one.id], countries.get(one.provider_id)) for one in listed}
        for course_id in ids:
            yield course_id, offers.get(course_id)

    def _runs(self, course_ids: list[str]) -> dict[str, tuple[Run, ...]]:
        sessions = list(self._work.collection("sessions").find({"course_id": {"$in": course_ids}, "status": OPEN}))
        seats = self._by_id(SEATS, [row["_id"] for row in sessions])
        runs: dict[str, tuple[Run, ...]] = defaultdict(tuple)
        for row in sessions:
            runs[row["course_id"]] += (_run(row["terms"], seats.get(row["_id"], {})),)
        return runs

    def _countries(self, providers: Iterable[str]) -> dict[str, str]:
        known = self._by_id(ORGANISATIONS, list(providers))
        return {provider: row["country"] for provider, row in known.items() if row.get("country")}

    def _by_id(self, collection: str, ids: list[str]) -> dict[str, Document]:
        return {row["_id"]: row for row in self._work.collection(collection).find({"_id": {"$in": ids}})}


def _run(terms: Document, seats: Document) -> Run:
    starts_at: datetime | None = terms["starts_at"]
    amount, _, currency = (terms.get("price") or "").partition(" ")
    price = Decimal(amount) if currency == _CURRENCY else None
    capacity = seats.get("capacity") or terms["capacity"]
    open_to_all = seats.get("availability") in {None, "open"}
    return Run(
        starts_at=starts_at, price=price, free=max(0, capacity - seats.get("confirmed", 0)) if open_to_all else 0
    )


def _offer(course: Course, known: dict[str, Concept], runs: tuple[Run, ...], country: str | None) -> Offer:
    content, published_at = course.shown, course.published_at
    if published_at is None:
        raise ValueError(f"course {course.id} is offered and was never published")
    skills = [known[i] for i in (concept_id(n.framework, n.code) for n in content.named) if i in known]
    return Offer(
        id=course.id,
        title=content.titles[content.default_language],
        published_at=published_at,
        workload=content.workload_hours,
        texts={"title": tuple(content.titles.items()), "skills": tuple(_names(skills)), "body": tuple(_body(content))},
        facets={name: tuple(filter(None, values)) for name, values in _facets(course, content, country).items()},
        names=tuple(dict.fromkeys(_skill_names(content))),
        runs=runs,
    )


def _names(skills: Iterable[Concept]) -> Iterator[tuple[str, str]]:
    for skill in skills:
        yield from skill.labels.items()
        yield from ((tag, text) for tag, texts in skill.alternatives.items() for text in texts)


def _body(content: Content) -> Iterator[tuple[str, str]]:
    yield from content.descriptions.items()
    yield from ((content.default_language, role) for role in content.job_roles)
    for outcome in content.outcomes:
        yield from outcome.title.items()
        if outcome.esco_title:
            yield "en", outcome.esco_title


def _skill_names(content: Content) -> Iterator[str]:
    """What a skill can be asked for by: its code, with its framework and alone, and its title."""
    for named in content.named:
        yield from (f"{named.framework}:{named.code}", named.code)
    for outcome in content.outcomes:
        if outcome.esco_title:
            yield outcome.esco_title


def _facets(course: Course, content: Content, country: str | None) -> dict[str, Any]:
    category = content.skill_category
    tags = [tag.casefold() for tag in content.titles]
    return {
        "skill": dict.fromkeys(f"{named.framework}:{named.code}" for named in content.named),
        "framework": dict.fromkeys(named.framework for named in content.named),
        "category": ("both", "digital", "green") if category == "both" else (category,),
        "pillar": (content.pillar,),
        "language": dict.fromkeys([*tags, *(tag.split("-")[0] for tag in tags)]),
        "mode": (content.mode,),
        "eqf": (None if content.eqf_level is None else str(content.eqf_level),),
        "provider": (content.provider_id,),
        "cluster": (course.cluster_id,),
        "country": (country,),
    }
