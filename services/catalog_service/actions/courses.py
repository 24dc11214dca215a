"""Courses: written, reviewed, published, revised, retired, found."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from services.catalog_service.domain import course, naming
from services.catalog_service.domain.actor import Actor
from services.catalog_service.domain.content import Content
from services.catalog_service.domain.course import DRAFT, PUBLISHED, Course, CourseVersion
from services.catalog_service.domain.skills import unknown_alignments
from services.catalog_service.store import Store
from shared.errors import Conflict, Violation
from shared.storage.documents import not_found
from shared.versioned import require_version

_Decide = Callable[[Course], tuple[Course, list[Any]]]


class Courses:
    """A cluster writes its own courses; everybody reads what is published."""

    def __init__(self, store: Store, now: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self._store, self._now, self._new_id = store, now, new_id

    # -- writing

    def write(self, actor: Actor, external_id: str | None, facts: dict[str, Any]) -> Course:
        """Write a new course."""
        if external_id is not None and self._with_number(actor, external_id, facts["provider_id"]):
            raise Conflict("This provider has a course with this external id already.", code="EXTERNAL_ID_TAKEN")
        return self._write(actor, external_id, facts)

    def put(self, actor: Actor, external_id: str, facts: dict[str, Any], seen: int | None) -> tuple[Course, bool]:
        """Make the provider's course, or bring its draft up to date. Also says whether it is new.

        A published course gets a draft revision when the content differs; what was absent goes back to its default.
        """
        for found in self._with_number(actor, external_id, facts["provider_id"]):
            require_version(found, seen)
            return self._bring_up_to_date(actor, found, Content(**facts)), False
        return self._write(actor, external_id, facts), True

    def rewrite(self, actor: Actor, course_id: str, changes: dict[str, Any], seen: int | None) -> Course:
        """Change the draft."""

        def decide(found: Course) -> tuple[Course, list[Any]]:
            return course.rewrite(found, changes, actor, self._fitness(found)), []

        return self._decide(actor, course_id, seen, decide)

    def revise(self, actor: Actor, course_id: str, seen: int | None) -> Course:
        """Begin a revision of what is published."""
        return self._decide(actor, course_id, seen, lambda found: (course.revise(found, actor), []))

    def submit(self, actor: Actor, course_id: str, seen: int | None) -> Course:
        """Ask for review. The course of a provider whom the cluster trusts needs none and is published."""
        found = self._own(actor, course_id)
        require_version(found, seen)
        wanted = found.draft.prerequisites if found.draft else ()
        unknown = self._store.unknown_courses([i for i in wanted if i != found.id])
        submitted, events = course.submit(found, actor, unknown, self._fitness(found))
        if self._store.copies.trusts(found.cluster_id, submitted.provider_id):
            return self._publish(submitted, actor, trusted=True)
        return self._store.save(submitted, events)

    def send_back(self, actor: Actor, course_id: str, reasons: list[str], seen: int | None) -> Course:
        """Return it to its authors."""
        return self._decide(actor, course_id, seen, lambda found: course.send_back(found, actor, reasons))

    def publish(self, actor: Actor, course_id: str, seen: int | None) -> Course:
        """Approve it: the draft becomes the next version."""
        found = self._own(actor, course_id)
        require_version(found, seen)
        return self._publish(found, actor)

    def retire(self, actor: Actor, course_id: str, seen: int | None) -> Course:
        """Offer it no longer."""
        return self._decide(actor, course_id, seen, course.retire)

    # -- reading

    def get(self, actor: Actor | None, course_id: str) -> Course:
        """One course: published or retired ones for everybody, drafts for their cluster."""
        found = self._store.get(Course, course_id)
        if found.content is None and not _owns(actor, found):
            raise not_found(Course, course_id)
        return found

    def named(self, actor: Actor | None, ids: Sequence[str]) -> list[Course]:
        """Those of these that the caller may see, in the order of the ids."""
        return [c for c in self._store.named(Course, ids) if c.content is not None or _owns(actor, c)]

    def own(self, actor: Actor, after: str | None, limit: int) -> tuple[list[Course], Any]:
        """The cluster's own courses, drafts too."""
        found = self._store.own_courses(actor.cluster_id, after, limit)
        return found, found[-1].id if len(found) == limit else None

    def version(self, course_id: str, number: int) -> CourseVersion:
        """A published version."""
        return self._store.version(course_id, number)

    def versions(self, actor: Actor | None, course_id: str, after: int, limit: int) -> list[CourseVersion]:
        """The published versions of a course that the caller may see."""
        self.get(actor, course_id)
        return self._store.versions(course_id, after, limit)

    # -- inside

    def _write(self, actor: Actor, external_id: str | None, facts: dict[str, Any]) -> Course:
        draft = Content(**facts)
        made = Course(
            id=self._new_id(),
            cluster_id=actor.cluster_id,
            provider_id=draft.provider_id,
            external_id=external_id,
            draft=draft,
            draft_status=DRAFT,
        )
        return self._store.save(course.write(made, actor, self._fitness(made)))

    def _bring_up_to_date(self, actor: Actor, found: Course, content: Content) -> Course:
        if content == (found.draft or found.content):
            return found
        begun = course.revise(found, actor) if found.status == PUBLISHED and found.draft is None else found
        changes = {name: getattr(content, name) for name in content.__dataclass_fields__}
        return self._store.save(course.rewrite(begun, changes, actor, self._fitness(begun)))

    def _publish(self, found: Course, actor: Actor, *, trusted: bool = False) -> Course:
        published, version, events = course.publish(found, actor, self._now(), self._fitness(found), trusted=trusted)
        self._store.save(version)
        return self._store.save(published, events)

    def _fitness(self, found: Course) -> course.Fitness:
        """Asks the copies of organisations and grants, and the vocabularies."""

        def unfit(content: Content) -> Iterator[Violation]:
            yield from naming.unfit(content, *self._store.copies.named(found.id, found.cluster_id, content))
            if content.alignments:
                known = self._store.skills.known((one.framework, one.code) for one in content.alignments)
                yield from unknown_alignments(content.alignments, self._store.skills.frameworks(), known)

        return unfit

    def _with_number(self, actor: Actor, external_id: str, provider_id: str) -> list[Course]:
        return self._store.courses_with_number(actor.cluster_id, provider_id, external_id)

    def _own(self, actor: Actor, course_id: str) -> Course:
        found = self._store.get(Course, course_id)
        if not _owns(actor, found):
            raise not_found(Course, course_id)
        return found

    def _decide(self, actor: Actor, course_id: str, seen: int | None, decide: _Decide) -> Course:
        found = self._own(actor, course_id)
        require_version(found, seen)
        updated, events = decide(found)
        return found if updated is found else self._store.save(updated, events)


def _owns(actor: Actor | None, found: Course) -> bool:
    return actor is not None and actor.cluster_id == found.cluster_id
