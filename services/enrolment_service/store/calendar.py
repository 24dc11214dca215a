"""When workers are busy: the sessions in which they have a seat, or an offer of one.

An enrolment that takes its worker's time carries the field `busy` with their id. Whether somebody has any is read with
everything else that an application needs, and costs no command; which ones, with one query for a whole group.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo import ASCENDING, IndexModel

from services.enrolment_service.domain import TAKES_TIME, Enrolment, Session
from services.enrolment_service.store.copies import Copies
from shared.storage.work import UnitOfWork

ENROLMENTS = "enrolments"
BUSY = "busy"
INDEX = IndexModel([(BUSY, ASCENDING)], name=BUSY, sparse=True)


@dataclass(frozen=True, slots=True)
class BusyQuestion:
    """Asks for the sessions that take the time of a worker, who may have several records."""

    person_ids: tuple[str, ...]


class Calendar:
    """Busy workers as one unit of work sees them."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work

    def sessions_of(self, person_ids: Sequence[str]) -> list[Session]:
        """Where they are busy, as of when it was first asked. Nothing is asked for somebody who is not."""
        if not self._work.find_by(ENROLMENTS, BUSY, person_ids):
            return []
        sessions: list[Session] = self._work.ask(BusyQuestion(tuple(person_ids)))
        return sessions

    def sessions_now(self, person_ids: Sequence[str]) -> list[Session]:
        """As `sessions_of`, for an act that is alone."""
        question = BusyQuestion(tuple(person_ids))
        sessions: list[Session] = resolve_busy(self._work, [question])[question]
        return sessions


def busy(enrolment: Enrolment) -> dict[str, str]:
    """What the document of an enrolment that takes time carries in addition."""
    return {BUSY: enrolment.person_id} if enrolment.status in TAKES_TIME else {}


def resolve_busy(work: UnitOfWork, questions: Sequence[BusyQuestion]) -> Mapping[Any, Any]:
    """Answers many BusyQuestions with one query for the enrolments and one for their sessions."""
    people = {person for question in questions for person in question.person_ids}
    rows = work.collection(ENROLMENTS).find({BUSY: {"$in": sorted(people)}}, {BUSY: 1, "session_id": 1})
    where: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        where[row[BUSY]].append(row["session_id"])
    copies = Copies(work)
    known = copies.sessions(session for ids in where.values() for session in ids)
    return {
        question: [known[i] for person in question.person_ids for i in where[person] if i in known]
        for question in questions
    }
