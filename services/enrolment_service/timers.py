"""The clock door: what is due now, one action each."""

from collections.abc import Callable
from typing import TypeVar

from services.enrolment_service.actions import Actions
from shared.bus.worker import Timer

T = TypeVar("T")
Decide = Callable[[Callable[[Actions], T]], T]
CHUNK = 200


def timers(decide: Callable[[Callable[[Actions], int]], int], reading: Callable[[], Actions]) -> list[Timer]:
    """`decide` commits one action alone; `reading` looks what is due."""

    def care() -> int:
        """Queues move, news of availability goes out, cancelled sessions lose their enrolments."""
        due = reading().store.seats.needing_care(CHUNK)
        return sum(_until_done(decide, lambda a, s=s: a.care(s)) for s in due)  # type: ignore[misc]

    def sweep() -> int:
        """Claims whose process died or froze between claim and commit."""
        actions = reading()
        stale = actions.store.seats.stale_claims(actions.now(), CHUNK)
        return sum(decide(lambda a, s=s, c=c: a.give_back(s, c)) for s, c in stale)  # type: ignore[misc]

    def expire() -> int:
        """Offers whose time is over."""
        actions = reading()
        expired = actions.store.expired_offers(actions.now(), CHUNK)
        return sum(decide(lambda a, e=e: a.expire_offer(e)) for e in expired)  # type: ignore[misc]

    def lapse() -> int:
        """Applications that nobody approved before their session closed."""
        sessions = reading().store.closed_with_applications(CHUNK)
        return sum(decide(lambda a, s=s: a.lapse_some(s, CHUNK)) for s in sessions)  # type: ignore[misc]

    def forget() -> int:
        """Open enrolments of people who were erased."""
        actions = reading()
        due = actions.store.erasures.due(actions.now(), CHUNK)
        return sum(_until_done(decide, lambda a, p=p: a.end_of_erased(p)) for p in due)  # type: ignore[misc]

    return [
        Timer("care", 0.3, care),
        Timer("sweep", 3.0, sweep),
        Timer("expire", 5.0, expire),
        Timer("lapse", 10.0, lapse),
        Timer("forget", 1.0, forget),
    ]


def _until_done(decide: Callable[[Callable[[Actions], int]], int], act: Callable[[Actions], int]) -> int:
    done = 0
    while moved := decide(act):
        done += moved
    return done
