"""Attendance, results and the end of a session, by its trainers."""

from collections.abc import Callable, Sequence
from typing import Any

from services.enrolment_service import domain
from services.enrolment_service.actions.base import Base, Decision, Row
from services.enrolment_service.domain import Enrolment
from shared.auth import visibility
from shared.auth.caller import Caller
from shared.errors import BadRow, Conflict, NotFound, NotYetKnown, ServiceError

Given = dict[str, Any] | BadRow
"""A row as it came in: read, or not readable."""


class Rosters(Base):
    """Rosters of sessions of the caller's cluster."""

    def roster(self, caller: Caller, session_id: str) -> list[Enrolment]:
        """Who is in a session of the caller's cluster."""
        self._taught(caller, session_id)
        return self.store.of_session(session_id, sorted(domain.ON_ROSTER))

    def record_attendance(self, caller: Caller, session_id: str, rows: Sequence[Given]) -> list[Row]:
        """Attendance or absence for many; each row has its own outcome."""
        self._running(caller, session_id)

        def decide(enrolment: Enrolment, row: dict[str, Any]) -> Decision:
            if row.get("no_show"):
                return domain.record_no_show(enrolment, caller.subject, self.now())
            return domain.record_attendance(enrolment, row["attendance"], caller.subject, self.now())

        return self._rows(session_id, rows, decide)

    def record_results(self, caller: Caller, session_id: str, rows: Sequence[Given]) -> list[Row]:
        """Results for many; each row has its own outcome."""
        session = self._running(caller, session_id)

        def decide(enrolment: Enrolment, row: dict[str, Any]) -> Decision:
            return domain.record_result(enrolment, session, row["passed"], row.get("score"), caller.subject, self.now())

        return self._rows(session_id, rows, decide)

    def complete_roster(self, caller: Caller, session_id: str, absent_are_no_show: bool) -> dict[str, int]:
        """Close the roster: everybody has an outcome. Those without attendance may be counted as no-shows."""
        session = self._running(caller, session_id)
        roster = self.store.of_session(session_id, sorted(domain.ON_ROSTER))
        if absent_are_no_show:
            roster = [self._absent(enrolment, caller) for enrolment in roster]
        domain.must_be_complete(roster)
        event = domain.roster_completed(session, roster)
        self.store.complete_roster(session_id, event)
        return {"completed": event.completed, "failed": event.failed, "no_show": event.no_show}

    # -- inside

    def _absent(self, enrolment: Enrolment, caller: Caller) -> Enrolment:
        if enrolment.status != domain.CONFIRMED:
            return enrolment
        missed, happened = domain.record_no_show(enrolment, caller.subject, self.now())
        self.store.save(missed, happened)
        return missed

    def _rows(
        self,
        session_id: str,
        rows: Sequence[Given],
        decide: Callable[[Enrolment, dict[str, Any]], Decision],
    ) -> list[Row]:
        self.store.work.preload("enrolments", [row["enrolment_id"] for row in rows if not isinstance(row, BadRow)])
        return [self._row(number, session_id, row, decide) for number, row in enumerate(rows, start=1)]

    def _row(
        self,
        number: int,
        session_id: str,
        row: Given,
        decide: Callable[[Enrolment, dict[str, Any]], Decision],
    ) -> Row:
        if isinstance(row, BadRow):
            return Row(number=number, enrolment_id=row.get("enrolment_id", ""), stored=None, error=row.error(number))
        enrolment_id = row["enrolment_id"]
        try:
            with self.store.work.savepoint():
                enrolment = self.store.get(enrolment_id)
                if enrolment.session_id != session_id:
                    raise NotFound(f"Enrolment {enrolment_id} is not in this session.")
                stored = self.store.save(*decide(enrolment, row))
        except ServiceError as error:
            return Row(number=number, enrolment_id=enrolment_id, stored=None, error=error)
        return Row(number=number, enrolment_id=enrolment_id, stored=stored, error=None)

    def _running(self, caller: Caller, session_id: str) -> domain.Session:
        """As `_taught`, and its roster can be kept. That it has begun may be on its way: that is waited for."""
        session = self._taught(caller, session_id)
        if not session.is_taught(self.now()):
            message = f"The session is {session.status}; its roster is kept while it runs."
            raise NotYetKnown(
                "session", session_id, known=True, otherwise=Conflict(message, code="SESSION_NOT_RUNNING")
            )
        return session

    def _taught(self, caller: Caller, session_id: str) -> domain.Session:
        try:
            session = self.copies.session(session_id)
        except NotYetKnown as unknown:
            raise NotFound(f"No session {session_id}.") from unknown
        if not visibility.may_teach(caller, session.cluster_id):
            raise NotFound(f"No session {session_id}.")
        return session
