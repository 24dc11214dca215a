"""Sessions: planned, opened, closed, begun, moved, cancelled, completed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from services.catalog_service.domain import naming, session
from services.catalog_service.domain.actor import Actor
from services.catalog_service.domain.course import Course
from services.catalog_service.domain.criteria import SessionCriteria
from services.catalog_service.domain.session import PLANNED, Session
from services.catalog_service.store import Store
from shared.storage.documents import not_found
from shared.versioned import require_version


@dataclass(frozen=True, slots=True)
class Guest:
    """Who may have a seat: a person (`person_id`), or whoever speaks for the people of a cluster (`cluster_id`)."""

    field: str
    value: str


_Decide = Callable[[Session], tuple[Session, list[Any]]]


class Sessions:
    """A cluster runs sessions of its own courses; everybody reads those that are more than a plan."""

    def __init__(self, store: Store, now: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self._store, self._now, self._new_id = store, now, new_id

    def plan(self, actor: Actor, course_id: str, terms: dict[str, Any]) -> Session:
        """Plan a session of a published course."""
        course = self._store.get(Course, course_id)
        if course.cluster_id != actor.cluster_id:
            raise not_found(Course, course_id)
        return self._store.save(*session.plan(self._new_id(), course, terms))

    def get(self, actor: Actor | None, session_id: str) -> Session:
        """One session; plans for their cluster only."""
        found = self._store.get(Session, session_id)
        if found.status == PLANNED and not _owns(actor, found):
            raise not_found(Session, session_id)
        return found

    def named(self, actor: Actor | None, ids: Sequence[str]) -> list[Session]:
        """Those of these that the caller may see, in the order of the ids."""
        return [s for s in self._store.named(Session, ids) if s.status != PLANNED or _owns(actor, s)]

    def page(self, actor: Actor | None, criteria: SessionCriteria, after: Any, limit: int) -> tuple[list[Session], Any]:
        """Sessions that the caller may see, by start, and the position of the last one when the page is full."""
        plans_of = None if actor is None else actor.cluster_id
        found = self._store.sessions(criteria, plans_of, after, limit)
        return found, self._store.session_position(found[-1]) if len(found) == limit else None

    def rooms(self, actor: Actor | None, guest: Guest | None, found: Iterable[Session]) -> set[str]:
        """Of which sessions the meeting room is this caller's business: the own cluster's staff's, and that of who has a
        seat or speaks for a cluster that has one."""
        with_room = [one for one in found if one.terms.url is not None]
        own = {one.id for one in with_room if _owns(actor, one)}
        others = [one.id for one in with_room if one.id not in own]
        if guest is None or not others:
            return own
        return own | self._store.attended(others, guest.field, guest.value)

    def let_in(self, enrolment_id: str, session_id: str, person_id: str, cluster_id: str) -> None:
        """Somebody has a seat."""
        self._store.let_in(enrolment_id, session_id, person_id, cluster_id)

    def tell_seats(self, session_id: str, **said: int | str) -> None:
        """What the enrolment service said of the seats."""
        self._store.tell_seats(session_id, **said)

    def let_out(self, enrolment_id: str) -> None:
        """They have none any more."""
        self._store.let_out(enrolment_id)

    def change(self, actor: Actor, session_id: str, changes: dict[str, Any], seen: int | None) -> Session:
        """Change the terms."""
        return self._decide(actor, session_id, seen, lambda found: session.change(found, changes))

    def open(self, actor: Actor, session_id: str, seen: int | None) -> Session:
        """Open enrolment."""

        def decide(found: Session) -> tuple[Session, list[Any]]:
            course = self._store.get(Course, found.course_id)
            content = self._store.version(found.course_id, found.course_version).content
            unfit = naming.unfit(content, *self._store.copies.named(course.id, course.cluster_id, content))
            return session.open_enrolment(found, course, self._now(), unfit)

        return self._decide(actor, session_id, seen, decide)

    def close(self, actor: Actor, session_id: str, seen: int | None) -> Session:
        """Close enrolment."""
        return self._decide(actor, session_id, seen, session.close_enrolment)

    def start(self, actor: Actor, session_id: str, seen: int | None) -> Session:
        """Say that it runs."""
        return self._decide(actor, session_id, seen, session.start)

    def cancel(self, actor: Actor, session_id: str, reason: str | None, seen: int | None) -> Session:
        """Call it off."""
        return self._decide(actor, session_id, seen, lambda found: session.cancel(found, reason))

    def reschedule(
        self, actor: Actor, session_id: str, dates: dict[str, Any], reconfirm_until: date | None, seen: int | None
    ) -> Session:
        """Give it new dates."""
        now = self._now()
        return self._decide(
            actor, session_id, seen, lambda found: session.reschedule(found, dates, reconfirm_until, now)
        )

    # -- without a caller

    def due(self, after: str, limit: int) -> list[str]:
        """Open sessions whose deadline passed, by id."""
        return self._store.due_sessions(self._now(), after, limit)

    def close_when_due(self, session_id: str) -> int:
        """Close one of them, unless somebody did. Returns how many were closed."""
        found = self._store.get(Session, session_id)
        closed, events = session.close_when_due(found, self._now())
        if events:
            self._store.save(closed, events)
        return len(events)

    def complete(self, session_id: str) -> None:
        """Its roster is complete."""
        found = self._store.get(Session, session_id)
        completed, events = session.complete(found)
        if events:
            self._store.save(completed, events)

    # -- inside

    def _decide(self, actor: Actor, session_id: str, seen: int | None, decide: _Decide) -> Session:
        found = self._store.get(Session, session_id)
        if not _owns(actor, found):
            raise not_found(Session, session_id)
        require_version(found, seen)
        updated, events = decide(found)
        return found if updated is found else self._store.save(updated, events)


def _owns(actor: Actor | None, found: Session) -> bool:
    return actor is not None and actor.cluster_id == found.cluster_id
