"""What an operator does with a service: see its lag and its dead letters, replay or discard one, read who did so."""

import base64
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from marshmallow import Schema, fields

from shared.bus.held import BEHIND, COUNTED, HeldEvent, counts_of_all, followers, list_dead
from shared.bus.inbox import Inbox
from shared.bus.worker import PROGRESS, Plan
from shared.errors import Conflict, NotFound
from shared.http.door import Call, Door, Page, Reply
from shared.storage.outbox import Outbox
from shared.wiring.audit import SCOPE, add_audit_route, note_step

_LONGEST = 16_384
"""Characters of an event's content that are shown."""
_SHOWN = 50


class DeadLetterView(Schema):
    """A dead letter."""

    id = fields.String(required=True)
    consumer = fields.String(required=True)
    aggregate = fields.String(required=True)
    event_id = fields.String(required=True)
    reason = fields.String(required=True)
    waiting_behind = fields.Integer(required=True, metadata={"description": "Later events of the same aggregate"})
    held_at = fields.AwareDateTime(required=True)


class DeadLetterDetail(DeadLetterView):
    """A dead letter with what it says."""

    topic = fields.String(required=True)
    partition = fields.Integer(required=True)
    offset = fields.Integer(required=True)
    headers = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    content = fields.String(
        required=True, metadata={"description": f"Its bytes as text, the first {_LONGEST} characters"}
    )
    followers = fields.List(
        fields.String(), required=True, metadata={"description": f"Events that wait behind it, the first {_SHOWN}"}
    )


class ReleaseView(Schema):
    """What became of a dead letter."""

    released = fields.Integer(required=True, metadata={"description": "Events that left: itself and those behind it"})


class ConsumerLag(Schema):
    """How far one consumer is."""

    consumer = fields.String(required=True)
    lag = fields.Integer(required=True, allow_none=True)
    caught_up_at = fields.AwareDateTime(required=True, allow_none=True)


class LagView(Schema):
    """Where events wait."""

    outbox_waiting = fields.Integer(required=True)
    outbox_oldest_seconds = fields.Float(required=True)
    consumers = fields.List(fields.Nested(ConsumerLag), required=True)
    dead = fields.Integer(required=True)
    behind = fields.Integer(required=True)
    awaiting = fields.Integer(required=True)


def operations_door(plan: Plan, now: Callable[[], datetime]) -> Door:
    """The operator's routes of one service."""
    door = Door(plan.service)
    base = f"/v1/{plan.service}/operations"
    operator = _Operator(plan, now)

    @door.get(f"{base}/dead-letters", scope=SCOPE, returns=DeadLetterView, paged=True)
    def list_dead_letters(call: Call) -> Reply:
        """Events that could not be applied, with the reason."""
        return Reply(operator.dead_letters(call))

    @door.get(f"{base}/dead-letters/<letter_id>", scope=SCOPE, returns=DeadLetterDetail)
    def get_dead_letter(_call: Call, letter_id: str) -> Reply:
        """A dead letter with its content, and what waits behind it."""
        return Reply(operator.dead_letter(letter_id))

    @door.post(
        f"{base}/dead-letters/<letter_id>/replay", scope=SCOPE, returns=ReleaseView, plain=True, errors=(404, 409)
    )
    def replay_dead_letter(call: Call, letter_id: str) -> Reply:
        """Apply the event again, then those that wait behind it."""
        return Reply(operator.release(call, letter_id, discard=False))

    @door.post(
        f"{base}/dead-letters/<letter_id>/discard", scope=SCOPE, returns=ReleaseView, plain=True, errors=(404, 409)
    )
    def discard_dead_letter(call: Call, letter_id: str) -> Reply:
        """Drop the event, and apply those that wait behind it."""
        return Reply(operator.release(call, letter_id, discard=True))

    @door.get(f"{base}/lag", scope=SCOPE, returns=LagView)
    def read_lag(_call: Call) -> Reply:
        """How far events are sent and read, and how many are set aside."""
        return Reply(operator.lag())

    add_audit_route(door, base, plan.database)
    return door


class _Operator:
    """The operator's actions."""

    def __init__(self, plan: Plan, now: Callable[[], datetime]) -> None:
        self._plan, self._now = plan, now
        self._database = plan.database
        self._outbox = Outbox(plan.client, plan.database)

    def dead_letters(self, call: Call) -> Page:
        found = list_dead(self._database, after=call.after or "", limit=call.limit)
        last = f"{found[-1].consumer}/{found[-1].id}" if len(found) == call.limit else None
        return call.page([self._letter(event) for event in found], last)

    def dead_letter(self, letter_id: str) -> dict[str, Any]:
        _, event = self._find(letter_id)
        record = event.record
        return {
            **self._letter(event),
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "headers": {name: _readable(value) for name, value in record.headers},
            "content": _readable(record.value),
            "followers": followers(self._database, event, _SHOWN),
        }

    def release(self, call: Call, letter_id: str, *, discard: bool) -> dict[str, int]:
        inbox, event = self._find(letter_id)
        step = partial(
            note_step,
            at=self._now(),
            subject=call.who.subject,
            action="discard" if discard else "replay",
            target=f"{event.consumer}/{event.id}",
        )
        released = inbox.release(
            event.aggregate,
            discard=event.id if discard else None,
            note=step,
        )
        if not released:
            still = inbox.held.find(event.id)
            reason = still.reason if still else "it is gone"
            raise Conflict(f"The event still cannot be applied: {reason}.", code="STILL_FAILING")
        return {"released": released}

    def lag(self) -> dict[str, Any]:
        waiting, oldest = self._outbox.backlog()
        return {
            "outbox_waiting": waiting,
            "outbox_oldest_seconds": oldest,
            "consumers": [_progress(row) for row in self._database[PROGRESS].find()],
            **counts_of_all(self._database),
        }

    def _letter(self, event: HeldEvent) -> dict[str, Any]:
        behind = {"consumer": event.consumer, "aggregate": event.aggregate, "state": BEHIND}
        return {
            "id": _public(f"{event.consumer}/{event.id}"),
            "consumer": event.consumer,
            "aggregate": event.aggregate,
            "event_id": event.id,
            "reason": event.reason,
            "waiting_behind": self._database["held_events"].count_documents(behind, limit=COUNTED),
            "held_at": event.held_at,
        }

    def _find(self, letter_id: str) -> tuple[Inbox, HeldEvent]:
        consumer, _, held_id = _private(letter_id).partition("/")
        name, _, generation = consumer.rpartition(".g")
        for subscription in self._plan.subscriptions:
            if subscription.name == name and generation.isdigit():
                inbox = self._plan.inbox(subscription, int(generation))
                if (event := inbox.held.find(held_id)) is not None:
                    return inbox, event
        raise NotFound(f"No dead letter {letter_id}.")


def _progress(row: dict[str, Any]) -> dict[str, Any]:
    caught_up = row.get("caught_up_at")
    return {
        "consumer": row["_id"],
        "lag": row.get("lag"),
        "caught_up_at": caught_up or None,
    }


def _public(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _private(letter_id: str) -> str:
    try:
        return base64.urlsafe_b64decode(letter_id + "=" * (-len(letter_id) % 4)).decode()
    except ValueError as error:
        raise NotFound(f"No dead letter {letter_id}.") from error


def _readable(content: bytes) -> str:
    return content.decode(errors="backslashreplace")[:_LONGEST]
