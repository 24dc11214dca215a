"""Many events are rebuilt, and a kill falls into every step: each attempt goes on where the one before died."""

from __future__ import annotations

import random
import signal
import sys
import time
from collections.abc import Iterator

from bson import encode

from shared.bus.generations import Generations
from shared.bus.publisher import KafkaPublisher
from shared.clock import utc_now
from shared.schemas.codec import encode_data
from shared.schemas.event import event_id
from shared.storage.lease import Lease
from shared.storage.mongo import Document, MongoDatabase
from shared.storage.places import Places
from tests.chaos.arena import Arena, wait_for
from tests.chaos.member import MODEL
from tests.chaos.probe import CONSUMER, EFFECTS, probe_of

STEPS = ("remove", "remove_rows", "index", *("read",) * 6, "discard", "switch", "end")
PER_SECOND = 2_000
"""A million events in the full length of 500 seconds."""
_OF_EACH, _BATCH, _TURN = 20, 1_000, 500
_LEFT_OVER = 5_000
_PATIENCE = 1_200.0


def rebuild_is_killed(arena: Arena, seconds: float) -> None:
    """Built once undisturbed, and once with a kill in every step: byte for byte the same."""
    events = fill(arena, int(PER_SECOND * seconds))
    plain = _attempt(arena)
    generations = Generations(arena.database, [MODEL])
    expected = image(arena.database, generations.present(CONSUMER))
    leave_rows(arena.database, "g1")
    hurt = 0.0
    for step in STEPS:
        turns = random.randint(1, 1 + events // _TURN // len(STEPS)) if step == "read" else 1
        hurt += _attempt(arena, dies_before=step, dies_at_turn=turns)
    present = generations.present(CONSUMER)
    assert image(arena.database, present) == expected, "it came out otherwise"
    print(
        f"{events} events: {events / plain:.0f} a second undisturbed, {events / hurt:.0f} with {len(STEPS)} kills",
        file=sys.stderr,
    )
    arena.database[MODEL.aliases(present)[EFFECTS]].rename(EFFECTS, dropTarget=True)


def image(database: MongoDatabase, generation: int) -> list[bytes]:
    """The read model, byte for byte."""
    return [encode(row) for row in database[MODEL.aliases(generation)[EFFECTS]].find().sort("_id", 1)]


def leave_rows(database: MongoDatabase, generation: str) -> None:
    """What an earlier generation may have left behind, in more than one chunk."""
    database["inbox"].insert_many({"_id": f"{CONSUMER}.{generation}/left/{n}"} for n in range(_LEFT_OVER))


def fill(arena: Arena, events: int) -> int:
    """Put about so many events into the log, as a relay would; how many."""
    publisher = KafkaPublisher(arena.member.kafka(), Places(arena.database))
    keys = [f"many{number}" for number in range(max(1, events // _OF_EACH))]
    rows: list[Document] = []
    for row in _rows(arena.topic, keys):
        rows.append(row)
        if len(rows) == _BATCH:
            _publish(publisher, rows)
            rows = []
    _publish(publisher, rows)
    publisher.close()
    arena.expected.update({f"{arena.topic}/{key}": _OF_EACH for key in keys})
    return len(keys) * _OF_EACH


def _rows(topic: str, keys: list[str]) -> Iterator[Document]:
    kind = probe_of(topic)
    for n in range(1, _OF_EACH + 1):
        for key in keys:
            yield {
                "_id": event_id(topic, key, n),
                "topic": topic,
                "key": key,
                "sequence": n,
                "type": kind.TYPE,
                "source": "/probe",
                "time": utc_now(),
                "data": encode_data(kind(probe_id=key, n=n)),
                "traceparent": "",
            }


def _publish(publisher: KafkaPublisher, rows: list[Document]) -> None:
    assert len(publisher.publish(rows)) == len(rows)


def _attempt(arena: Arena, *, dies_before: str = "", dies_at_turn: int = 1) -> float:
    """One process that rebuilds, until its end or its death; the seconds it lived."""
    began = time.monotonic()
    process = arena.spawn(
        "rebuild", event_time=True, lease_seconds=1.0, dies_before=dies_before, dies_at_turn=dies_at_turn
    )
    process.join(_PATIENCE)
    took = time.monotonic() - began
    assert process.exitcode == (-signal.SIGKILL if dies_before else 0), f"{dies_before}: {arena.last_words()}"
    assert wait_for(lambda: Lease(arena.database, f"rebuild/{CONSUMER}", "looks", 0.001).acquire(), 30)
    return took
