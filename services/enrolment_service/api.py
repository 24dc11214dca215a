"""The HTTP door: parse, one action, render."""

from collections.abc import Callable, Iterable
from typing import Any

from services.enrolment_service import schemas
from services.enrolment_service.actions import Actions, Row
from services.enrolment_service.domain import Change, Enrolment, Ledger, Waiting
from services.enrolment_service.domain.criteria import EnrolmentCriteria
from shared.http.door import PUBLIC, Call, Door, Reply
from shared.storage.work import Hint, UnitOfWork

OnWork = Callable[[UnitOfWork], Actions]
Reading = Callable[[], Actions]
Reference = Callable[[str, str], str]


def make_door(on_work: OnWork, reading: Reading, reference: Reference) -> Door:
    """The routes. `on_work` makes the actions of a write, `reading` those of a read; `reference` hashes (cluster,
    external id) as the directory does."""
    door = Door("enrolment")
    _enrolments(door, on_work, reading, reference)
    _decisions(door, on_work)
    _seats(door, on_work, reading)
    _rosters(door, on_work, reading)
    return door


def _enrolments(door: Door, on_work: OnWork, reading: Reading, reference: Reference) -> None:
    def worker_of(call: Call) -> tuple[str | None, str | None]:
        """The worker's id, or the hash of the number that the partner knows them by."""
        worker = call.body["worker"]
        external = worker.get("external_id")
        return worker.get("person_id"), reference(call.who.cluster_id or "", external) if external else None

    def hints(call: Call) -> Iterable[Hint]:
        return on_work(call.uow).applying.hints(
            call.who, call.body["session_id"], *worker_of(call), call.body["employer_id"]
        )

    @door.post(
        "/v1/enrolments",
        scope="enrolment:write",
        body=schemas.EnrolmentBody,
        returns=schemas.EnrolmentView,
        status=201,
        hints=hints,
        errors=(404, 409, 503),
    )
    def apply(call: Call) -> Reply:
        """Ask for a seat. The answer tells the status, who must act until when, the place in the queue, and every reason
        against it."""
        actions, employer_id = on_work(call.uow), call.body["employer_id"]
        person = actions.applying.worker(call.who, *worker_of(call), employer_id)
        stored, place = actions.applying.apply(call.who, call.body["session_id"], person, employer_id)
        return _enrolment(actions, stored, place, made=True)

    @door.get(
        "/v1/enrolments",
        scope="enrolment:read",
        query=schemas.EnrolmentQuery,
        returns=schemas.EnrolmentView,
        paged=True,
        personal="person_id",
    )
    def list_enrolments(call: Call) -> Reply:
        """Enrolments that the caller may see, newest first. The place in the queue stands in the single one."""
        actions = reading()
        found = actions.reading.search(call.who, EnrolmentCriteria(**call.query), after=call.after, limit=call.limit)
        waiting = actions.reading.waiting_for(found.items)
        items = [_view(stored, None, who) for stored, who in zip(found.items, waiting, strict=True)]
        return Reply(call.page(items, found.position if found.more else None))

    @door.get(
        "/v1/enrolments/<enrolment_id>", scope="enrolment:read", returns=schemas.EnrolmentView, personal="person_id"
    )
    def read_enrolment(call: Call, enrolment_id: str) -> Reply:
        """One enrolment."""
        actions = reading()
        return _enrolment(actions, *actions.reading.read(call.who, enrolment_id))

    @door.get(
        "/v1/enrolment-changes",
        scope="enrolment:read",
        query=schemas.ChangesQuery,
        returns=schemas.ChangeView,
        paged=True,
        personal="person_id",
    )
    def list_changes(call: Call) -> Reply:
        """Enrolments of the cluster's people, or of the employer's, in the order of their last change.

        `pull` is a cursor, there on every page: kept and sent with the next pull it misses nothing and repeats nothing.
        """
        actions = reading()
        found = actions.reading.changes(call.who, call.query["changed_since"], after=call.after or 0, limit=call.limit)
        seen = [change.enrolment for change, visible in found.items if visible]
        views = dict(zip((one.id for one in seen), actions.reading.waiting_for(seen), strict=True))
        items = [_change(change, views.get(change.enrolment.id)) for change, _ in found.items]
        return Reply(call.pulled(items, found.position, more=found.more))


def _decisions(door: Door, on_work: OnWork) -> None:
    @door.post(
        "/v1/enrolment-decisions",
        scope="enrolment:approve",
        body=schemas.DecisionsBody,
        returns=schemas.RowsView,
    )
    def decide(call: Call) -> Reply:
        """Approve or reject many, in their order; good rows are saved, each bad one says why."""
        return _rows(on_work(call.uow).decisions.decide(call.who, call.body["items"]))

    @door.post(
        "/v1/enrolments/<enrolment_id>/approve",
        scope="enrolment:approve",
        returns=schemas.EnrolmentView,
        if_match="honoured",
        errors=(404, 409),
    )
    def approve(call: Call, enrolment_id: str) -> Reply:
        """Approve an application; a seat or a place in the queue follows."""
        actions = on_work(call.uow)
        return _enrolment(actions, *actions.applying.approve(call.who, enrolment_id, call.if_match))

    @door.post(
        "/v1/enrolments/<enrolment_id>/reject",
        scope="enrolment:approve",
        body=schemas.ReasonBody,
        returns=schemas.EnrolmentView,
        if_match="honoured",
        errors=(404, 409),
    )
    def reject(call: Call, enrolment_id: str) -> Reply:
        """Reject an application."""
        actions = on_work(call.uow)
        return _enrolment(actions, actions.applying.reject(call.who, enrolment_id, call.if_match, call.body["reason"]))

    @door.post(
        "/v1/enrolments/<enrolment_id>/cancel",
        scope="enrolment:write",
        body=schemas.ReasonBody,
        returns=schemas.EnrolmentView,
        if_match="honoured",
        errors=(404, 409),
    )
    def cancel(call: Call, enrolment_id: str) -> Reply:
        """End it; a seat that was held comes free."""
        actions = on_work(call.uow)
        return _enrolment(actions, actions.applying.cancel(call.who, enrolment_id, call.if_match, call.body["reason"]))

    @door.post(
        "/v1/enrolments/<enrolment_id>/accept-offer",
        scope="enrolment:write",
        returns=schemas.EnrolmentView,
        if_match="honoured",
        errors=(404, 409),
    )
    def accept_offer(call: Call, enrolment_id: str) -> Reply:
        """Take the offered seat."""
        actions = on_work(call.uow)
        return _enrolment(actions, actions.applying.accept_offer(call.who, enrolment_id, call.if_match))

    @door.post(
        "/v1/enrolments/<enrolment_id>/decline-offer",
        scope="enrolment:write",
        returns=schemas.EnrolmentView,
        if_match="honoured",
        errors=(404, 409),
    )
    def decline_offer(call: Call, enrolment_id: str) -> Reply:
        """Leave the seat to the next in line."""
        actions = on_work(call.uow)
        return _enrolment(actions, actions.applying.decline_offer(call.who, enrolment_id, call.if_match))


def _seats(door: Door, on_work: OnWork, reading: Reading) -> None:
    @door.get("/v1/seats/<session_id>", scope=PUBLIC, returns=schemas.SeatsView, errors=(503,))
    def read_seats(_call: Call, session_id: str) -> Reply:
        """Capacity, confirmed, held, offered, waiting; for everybody."""
        return _seats_reply(reading().seats.seats(session_id))

    @door.get("/v1/seats", scope=PUBLIC, query=schemas.SeatsQuery, returns=schemas.SeatsView, paged=True)
    def list_seats(call: Call) -> Reply:
        """The same of many sessions; those that never opened are left out."""
        return Reply(call.page([_seats_view(ledger) for ledger in reading().seats.seats_of(call.query["ids"])]))

    @door.put(
        "/v1/seats/<session_id>",
        scope="catalog:write",
        body=schemas.SeatsBody,
        returns=schemas.SeatsView,
        if_match="required",
        errors=(404, 409),
    )
    def set_seats(call: Call, session_id: str) -> Reply:
        """Move the capacity and the limit of the waiting list."""
        body = call.body
        return _seats_reply(
            on_work(call.uow).seats.set_seats(
                call.who, session_id, body["capacity"], body["waitlist_limit"], call.if_match
            )
        )


def _rosters(door: Door, on_work: OnWork, reading: Reading) -> None:
    @door.get("/v1/rosters/<session_id>", scope="teaching:write", returns=schemas.RosterView, personal="person_id")
    def read_roster(call: Call, session_id: str) -> Reply:
        """Who is in the session."""
        roster = reading().rosters.roster(call.who, session_id)
        return Reply({"session_id": session_id, "items": [_roster_entry(e) for e in roster], "next": None})

    @door.put(
        "/v1/rosters/<session_id>/attendance",
        scope="teaching:write",
        body=schemas.AttendanceBody,
        returns=schemas.RowsView,
        errors=(404,),
    )
    def record_attendance(call: Call, session_id: str) -> Reply:
        """Attendance of many; good rows are saved, each bad one says why."""
        return _rows(on_work(call.uow).rosters.record_attendance(call.who, session_id, call.body["items"]))

    @door.post(
        "/v1/rosters/<session_id>/results",
        scope="teaching:write",
        body=schemas.ResultsBody,
        returns=schemas.RowsView,
        errors=(404,),
    )
    def record_results(call: Call, session_id: str) -> Reply:
        """Results of many; good rows are saved, each bad one says why."""
        return _rows(on_work(call.uow).rosters.record_results(call.who, session_id, call.body["items"]))

    @door.post(
        "/v1/rosters/<session_id>/complete",
        scope="teaching:write",
        body=schemas.CompleteBody,
        returns=schemas.CompletedView,
        errors=(404, 409),
    )
    def complete_roster(call: Call, session_id: str) -> Reply:
        """Close the roster; every attendee has an outcome."""
        absent = call.body["absent_are_no_show"]
        return Reply(on_work(call.uow).rosters.complete_roster(call.who, session_id, absent))


def _enrolment(actions: Actions, stored: Enrolment, place: int | None = None, *, made: bool = False) -> Reply:
    view = _view(stored, place, *actions.reading.waiting_for([stored]))
    location = view["links"]["self"] if made else None
    return Reply(view, version=stored.version, location=location)


def _change(change: Change, waiting: Waiting | None) -> dict[str, Any]:
    return {
        "id": change.enrolment.id,
        "changed_at": change.changed_at,
        "visible": waiting is not None,
        "person_id": None if waiting is None else change.enrolment.person_id,
        "enrolment": None if waiting is None else _view(change.enrolment, None, waiting),
    }


def _view(e: Enrolment, place: int | None, waiting: Waiting) -> dict[str, Any]:
    return {
        "id": e.id,
        "version": e.version,
        "created_at": e.created_at,
        "updated_at": e.updated_at,
        "session_id": e.session_id,
        "course_id": e.course_id,
        "course_version": e.course_version,
        "person_id": e.person_id,
        "cluster_id": e.cluster_id,
        "host_cluster_id": e.host_cluster_id,
        "employer_id": e.employer_id,
        "status": e.status,
        "waiting_for": waiting.who,
        "until": waiting.until,
        "place_in_queue": place,
        "reasons": e.reasons,
        "offer_expires_at": e.offer_expires_at,
        "attendance": e.attendance,
        "score": e.score,
        "completed_at": e.completed_at,
        "history": e.history,
        "links": {
            "self": f"/v1/enrolments/{e.id}",
            "session": f"/v1/sessions/{e.session_id}",
            "seats": f"/v1/seats/{e.session_id}",
        },
    }


def _seats_reply(ledger: Ledger) -> Reply:
    return Reply(_seats_view(ledger), version=ledger.version)


def _seats_view(ledger: Ledger) -> dict[str, Any]:
    body = {name: getattr(ledger, name) for name in schemas.SEAT_NUMBERS}
    links = {"self": f"/v1/seats/{ledger.id}", "session": f"/v1/sessions/{ledger.id}"}
    return {**body, "id": ledger.id, "session_id": ledger.id, "links": links}


def _roster_entry(enrolment: Enrolment) -> dict[str, Any]:
    names = ("person_id", "status", "attendance", "score")
    return {"enrolment_id": enrolment.id, **{name: getattr(enrolment, name) for name in names}}


def _rows(rows: list[Row]) -> Reply:
    items = [_row(row) for row in rows]
    saved = sum(item["ok"] for item in items)
    return Reply({"items": items, "saved": saved, "failed": len(items) - saved})


def _row(row: Row) -> dict[str, Any]:
    error = row.error
    return {
        "row": row.number,
        "enrolment_id": row.enrolment_id,
        "ok": error is None,
        "status": row.stored.status if row.stored else None,
        "code": error.error_code if error else None,
        "message": error.detail if error else None,
        "violations": list(error.violations) if error else [],
    }
