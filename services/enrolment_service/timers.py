"""The clock door: what is due now, one action each."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from services.enrolment_service.actions import Actions
from shared.bus.timers import CHUNK, Timer, Turns, walk

Decide = Callable[[Callable[[Actions], int]], int]


def timers(decide: Decide, reading: Callable[[], Actions]) -> list[Timer]:
    """`decide` commits one action alone; `reading` looks what is due."""

    def restless(after: str, limit: int) -> Sequence[str]:
        return reading().store.seats.needing_care(limit, after)

    def stale(after: str) -> Iterable[tuple[str, tuple[str, Any]]]:
        actions = reading()
        claims = actions.store.seats.stale_claims(actions.now(), CHUNK, after)
        return ((session_id, (session_id, claim)) for session_id, claim in claims)

    def expired(after: str, limit: int) -> Sequence[str]:
        actions = reading()
        return actions.store.expired_offers(actions.now(), after, limit)

    def overdue(after: str) -> Iterable[tuple[str, str | None]]:
        actions = reading()
        return actions.store.overdue_applications(actions.now(), after)

    def begun(after: str) -> Iterable[tuple[str, str | None]]:
        actions = reading()
        return actions.store.queues(actions.now(), after)

    def erased(after: str, limit: int) -> Sequence[str]:
        actions = reading()
        return actions.store.erasures.due(actions.now(), after, limit)

    def consents(after: str) -> Iterable[tuple[str, str | None]]:
        return reading().store.awaiting_consent(after)

    # Queues move, news of availability goes out, cancelled sessions lose their enrolments.
    care = Turns("care", walk(restless), lambda s: decide(lambda actions: actions.seats.care(s)), repeat=True)
    # Claims whose process died or froze between claim and commit.
    sweep = Turns("sweep", stale, lambda claim: decide(lambda actions: actions.seats.give_back(*claim)))
    # Offers whose time is over.
    expire = Turns("expire", walk(expired), lambda e: decide(lambda actions: actions.seats.expire_offer(e)))
    # Applications that nobody approved in time.
    lapse = Turns("lapse", overdue, lambda s: decide(lambda actions: actions.seats.lapse_some(s, CHUNK)), repeat=True)
    # Applications of HR whose workers consented.
    consent = Turns("consents", consents, lambda e: decide(lambda actions: actions.consents.go_on(e)))
    # Those who wait for a seat in a session that has begun.
    queues = Turns("queues", begun, lambda s: decide(lambda actions: actions.seats.end_queue(s)), repeat=True)
    # What is left of people who were erased.
    forget = Turns(
        "forget", walk(erased), lambda p: decide(lambda actions: actions.people.end_of_erased(p)), repeat=True
    )
    return [
        Timer("care", 0.3, care),
        Timer("sweep", 3.0, sweep),
        Timer("expire", 5.0, expire),
        Timer("lapse", 10.0, lapse),
        Timer("consents", 1.0, consent),
        Timer("queues", 10.0, queues),
        Timer("forget", 1.0, forget),
    ]
