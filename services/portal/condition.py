"""How the platform is, in one sentence: from what each service says of its events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from flask_babel import LazyString, ngettext

from services.portal.languages import _l
from services.portal.states import BAD, GOOD, WAITING, State

LATE: Final = timedelta(minutes=1)
"""A consumer that was last up to date before that, or an event that waits longer to be sent, is late."""
_WELL: Final = State(_l("Works"), GOOD, "check-circle", _l("It answers, and its events are up to date."))
_LATE: Final = State(_l("Late"), WAITING, "clock-history", _l("Events wait for more than a minute."))
_STUCK: Final = State(_l("Events set aside"), BAD, "exclamation-circle", _l("Events could not be applied."))
_SILENT: Final = State(_l("No answer"), BAD, "x-circle", _l("The service does not answer."))


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """How far one consumer is. `lag`: events that it has not applied, None while nobody knows."""

    name: str
    lag: int | None
    caught_up_at: str | None
    late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One service. The numbers are 0 where it does not answer."""

    service: str
    answers: bool = True
    to_send: int = 0
    oldest_seconds: float = 0.0
    awaiting: int = 0
    dead: int = 0
    consumers: Sequence[Consumer] = field(default_factory=tuple)

    @property
    def late(self) -> bool:
        """Whether events wait for longer than they should."""
        return self.oldest_seconds > LATE.total_seconds() or any(one.late for one in self.consumers)

    @property
    def state(self) -> State:
        """The worst that can be said of it."""
        if not self.answers:
            return _SILENT
        return _STUCK if self.dead else _LATE if self.late else _WELL


@dataclass(frozen=True, slots=True)
class Verdict:
    """The largest sentence of the page, and what to do."""

    tone: str
    icon: str
    sentence: str
    advice: LazyString


def condition(service: str, lag: Mapping[str, Any] | None, now: datetime) -> Condition:
    """Read what a service says (`operations/lag`); None when it does not answer."""
    if lag is None:
        return Condition(service=service, answers=False)
    return Condition(
        service=service,
        to_send=lag["outbox_waiting"],
        oldest_seconds=lag["outbox_oldest_seconds"],
        awaiting=lag["awaiting"],
        dead=lag["dead"],
        consumers=tuple(_consumer(row, now) for row in sorted(lag["consumers"], key=lambda row: row["consumer"])),
    )


def verdict(conditions: Sequence[Condition]) -> Verdict:
    """The worst first: a service that is silent, events that nobody applies, events that come late."""
    silent = sum(not one.answers for one in conditions)
    if silent:
        sentence = ngettext("%(num)s service does not answer", "%(num)s services do not answer", silent)
        return Verdict("bad", "x-octagon-fill", sentence, _l("Look at its log; the launcher restarts what died."))
    if dead := sum(one.dead for one in conditions):
        sentence = ngettext("%(num)s event could not be applied", "%(num)s events could not be applied", dead)
        return Verdict(
            "bad", "exclamation-octagon-fill", sentence, _l("Look into each: apply it again, or discard it.")
        )
    if late := sum(one.late for one in conditions):
        sentence = ngettext("Events of %(num)s service are late", "Events of %(num)s services are late", late)
        return Verdict("open", "clock-history", sentence, _l("Check that Kafka and the workers run; nothing is lost."))
    return Verdict("good", "check-circle-fill", str(_l("Everything works")), _l("All services answer without delay."))


def _consumer(row: Mapping[str, Any], now: datetime) -> Consumer:
    caught_up = row["caught_up_at"]
    late = caught_up is not None and now - datetime.fromisoformat(caught_up) > LATE
    return Consumer(name=row["consumer"], lag=row["lag"], caught_up_at=caught_up, late=late)
