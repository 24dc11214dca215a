"""What the kernel's tests publish and count: probes, numbered per aggregate from 1, and an effect that shows doubles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

from shared.bus.inbox import Subscription
from shared.errors import NotYetKnown
from shared.logs import get_logger
from shared.schemas.event import Envelope, Event
from shared.storage.work import UnitOfWork
from shared.storage.writes import Answer

log = get_logger(__name__)

PROBES, EFFECTS = "probes", "effects"
CONSUMER = "counting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe(Event):
    """Something happened to an aggregate for the nth time. `names` is the aggregate of another topic that it needs."""

    KEY: ClassVar[str] = "probe_id"
    probe_id: str
    n: int
    names: str | None = None
    poison: bool = False


@cache
def probe_of(topic: str) -> type[Probe]:
    """The probe event of one topic, made on the fly: every test has topics of its own."""
    return type("Happened", (Probe,), {"TYPE": f"{topic}.happened.v1", "__slots__": (), "__module__": __name__})


def happen(topic: str, keys: Iterable[str], **facts: Any) -> Callable[[UnitOfWork], Answer]:
    """A write: each aggregate happens once more, all in one transaction."""
    wanted, kind = list(keys), probe_of(topic)

    def act(work: UnitOfWork) -> Answer:
        for key in wanted:
            document = work.peek(PROBES, f"{topic}/{key}") or {"_id": f"{topic}/{key}", "n": 0}
            n = document["n"] + 1
            work.save(PROBES, {**document, "n": n}, [kind(probe_id=key, n=n, **facts)])
        return Answer(200, b"{}")

    return act


def counting(
    topic: str, *, named: str | None = None, mended: bool = False, event_time: bool = False, speaks: bool = False
) -> Subscription:
    """A subscription that appends each number to its aggregate's effects: what comes twice stands there twice.

    `named` is the topic of what probes name. Unless `mended`, poison raises.
    """

    def on_probe(event: Probe, work: UnitOfWork) -> None:
        if event.poison and not mended:
            raise ValueError("poison")
        if event.names is not None and work.peek(EFFECTS, f"{named}/{event.names}") is None:
            raise NotYetKnown(str(named), event.names)
        name = f"{event.topic}/{event.probe_id}"
        document = work.peek(EFFECTS, name) or {"_id": name, "ns": []}
        work.save(EFFECTS, {**document, "ns": [*document["ns"], event.n]})
        if speaks:
            log.info("probe_counted", n=event.n)

    def preload(envelopes: Sequence[Envelope], work: UnitOfWork) -> None:
        work.preload(EFFECTS, [f"{envelope.event.topic}/{envelope.key}" for envelope in envelopes])

    topics = [topic] if named is None else [topic, named]
    return Subscription(
        name=CONSUMER, handlers={probe_of(t): on_probe for t in topics}, prepare=preload, event_time=event_time
    )


@dataclass(frozen=True, slots=True)
class Counts:
    """What a fault did. Nothing is the only acceptable answer."""

    events: int = 0
    lost: int = 0
    doubled: int = 0
    disordered: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.events + other.events,
            self.lost + other.lost,
            self.doubled + other.doubled,
            self.disordered + other.disordered,
        )

    @property
    def clean(self) -> bool:
        """Nothing lost, doubled or out of order."""
        return not (self.lost or self.doubled or self.disordered)

    def __str__(self) -> str:
        return f"{self.lost} lost, {self.doubled} doubled, {self.disordered} out of order"


def compare(expected: Mapping[str, int], seen: Mapping[str, Sequence[int]]) -> Counts:
    """Each aggregate must have happened 1, 2, ... n times. More than was asked for counts as doubled."""
    counts = Counts()
    for key in expected.keys() | seen.keys():
        asked, numbers = expected.get(key, 0), seen.get(key, ())
        lost = len(set(range(1, asked + 1)) - set(numbers))
        doubled = len(numbers) - len({n for n in numbers if n <= asked})
        counts += Counts(asked, lost, doubled, disordered(numbers))
    return counts


def disordered(numbers: Sequence[int]) -> int:
    """How many first appearances come after a greater number."""
    greatest, found, known = 0, 0, set[int]()
    for n in numbers:
        found += n not in known and n < greatest
        known.add(n)
        greatest = max(greatest, n)
    return found
