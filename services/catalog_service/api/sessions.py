"""Routes of sessions."""

from typing import Any

from services.catalog_service.actions.sessions import Sessions
from services.catalog_service.api.parts import (
    WRITE,
    Parts,
    actor_of,
    guest_of,
    reader_of,
    session_reply,
    session_terms,
    show_session,
)
from services.catalog_service.domain.criteria import SessionCriteria
from services.catalog_service.domain.session import Session
from services.catalog_service.schemas import (
    CancelBody,
    RescheduleBody,
    SessionBody,
    SessionPatch,
    SessionQuery,
    SessionView,
)
from shared.http.door import PUBLIC, Call, Door, Reply

_SESSION = "/v1/sessions/<session_id>"
# Trainers start what they teach.
_TEACH = (WRITE, "teaching:write")


def add(door: Door, parts: Parts) -> None:
    """Declare them."""
    _add_reading(door, parts)
    _add_writing(door, parts)
    _add_enrolment_steps(door, parts)
    _add_course_of_things(door, parts)


def _add_reading(door: Door, parts: Parts) -> None:
    @door.get("/v1/sessions", scope=PUBLIC, query=SessionQuery, returns=SessionView, paged=True)
    def list_sessions(call: Call) -> Reply:
        """Sessions by start; plans for the own cluster only, and `url` for who teaches it or has a seat."""
        sessions = parts.reading().sessions
        found, after = _found(sessions, call)
        rooms = sessions.rooms(reader_of(call), guest_of(call), found)
        return Reply(call.page([show_session(session, room=session.id in rooms) for session in found], after))

    @door.get(_SESSION, scope=PUBLIC, returns=SessionView)
    def get_session(call: Call, session_id: str) -> Reply:
        """One session; `url` for who teaches it or has a seat."""
        sessions = parts.reading().sessions
        found = sessions.get(reader_of(call), session_id)
        return session_reply(found, room=found.id in sessions.rooms(reader_of(call), guest_of(call), [found]))


def _found(sessions: Sessions, call: Call) -> tuple[list[Session], Any]:
    """Those that are asked for by name, or a page of those that match, and where the next one begins."""
    wanted = dict(call.query)
    if ids := wanted.pop("ids", None):
        return sessions.named(reader_of(call), ids), None
    return sessions.page(reader_of(call), SessionCriteria(**wanted), call.after, call.limit)


def _add_writing(door: Door, parts: Parts) -> None:
    @door.post("/v1/courses/<course_id>/sessions", scope=WRITE, body=SessionBody, returns=SessionView)
    def plan_session(call: Call, course_id: str) -> Reply:
        """Plan a session of a published course."""
        sessions = parts.writing(call.uow).sessions
        return session_reply(sessions.plan(actor_of(call), course_id, session_terms(call.body)), made=True)

    @door.patch(_SESSION, scope=WRITE, body=SessionPatch, returns=SessionView)
    def change_session(call: Call, session_id: str) -> Reply:
        """Change the terms. Once it is open: not the dates (reschedule) and not the seats (enrolment's)."""
        sessions = parts.writing(call.uow).sessions
        return session_reply(sessions.change(actor_of(call), session_id, session_terms(call.body), call.if_match))


def _add_enrolment_steps(door: Door, parts: Parts) -> None:
    options: dict[str, Any] = {"scope": WRITE, "returns": SessionView, "status": 200, "if_match": "honoured"}

    @door.post(f"{_SESSION}/open", **options)
    def open_session(call: Call, session_id: str) -> Reply:
        """Open enrolment."""
        return session_reply(parts.writing(call.uow).sessions.open(actor_of(call), session_id, call.if_match))

    @door.post(f"{_SESSION}/close", **options)
    def close_session(call: Call, session_id: str) -> Reply:
        """Close enrolment before its deadline."""
        return session_reply(parts.writing(call.uow).sessions.close(actor_of(call), session_id, call.if_match))


def _add_course_of_things(door: Door, parts: Parts) -> None:
    options: dict[str, Any] = {"returns": SessionView, "status": 200, "if_match": "honoured"}

    @door.post(f"{_SESSION}/start", scope=_TEACH, **options)
    def start_session(call: Call, session_id: str) -> Reply:
        """Say that it runs."""
        return session_reply(parts.writing(call.uow).sessions.start(actor_of(call), session_id, call.if_match))

    @door.post(f"{_SESSION}/cancel", scope=WRITE, body=CancelBody, **options)
    def cancel_session(call: Call, session_id: str) -> Reply:
        """Call it off; enrolments are cancelled in consequence."""
        sessions = parts.writing(call.uow).sessions
        return session_reply(sessions.cancel(actor_of(call), session_id, call.body["reason"], call.if_match))

    @door.post(f"{_SESSION}/reschedule", scope=WRITE, body=RescheduleBody, **options)
    def reschedule_session(call: Call, session_id: str) -> Reply:
        """Give it new dates before it runs."""
        dates = dict(call.body)
        until = dates.pop("reconfirm_until", None)
        sessions = parts.writing(call.uow).sessions
        return session_reply(sessions.reschedule(actor_of(call), session_id, dates, until, call.if_match))
