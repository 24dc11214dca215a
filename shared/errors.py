"""Every error that a service raises on purpose. One table in `shared.http.problems` maps them to the wire."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One broken rule: where, which, what was given and what would be accepted."""

    field: str
    code: str
    message: str
    actual: Any = None
    required: Any = None
    row: int | None = None


class ServiceError(Exception):
    """Base of all deliberate errors. `code` is the machine's word, `detail` the sentence for a person."""

    code: ClassVar[str] = "SERVICE_ERROR"

    def __init__(self, detail: str, *, code: str | None = None, violations: Iterable[Violation] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.error_code = code or self.code
        self.violations = tuple(violations)


class Invalid(ServiceError):
    """The input breaks rules; all of them stand in `violations` (422)."""

    code = "INVALID"


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that does not fit its schema. `raw` is what was sent."""

    raw: Any
    violations: tuple[Violation, ...]

    def get(self, name: str, default: Any = None) -> Any:
        """What was sent under this name, if it is a text: to say which row it is."""
        found = self.raw.get(name) if isinstance(self.raw, dict) else None
        return found if isinstance(found, str) else default

    def error(self, number: int) -> Invalid:
        """The refusal of this row; rows count from 1."""
        told = [replace(violation, row=number) for violation in self.violations]
        return Invalid(f"Row {number} cannot be read: {told[0].message}", violations=told)


def refuse(kind: str, violations: Iterable[Violation]) -> None:
    """Raise Invalid with everything that is wrong at once, if anything is."""
    found = list(violations)
    if found:
        raise Invalid(f"This {kind} breaks {len(found)} rule(s): {found[0].message}", violations=found)


class Unauthenticated(ServiceError):
    """No token, or one that is not ours (401)."""

    code = "UNAUTHENTICATED"


class Forbidden(ServiceError):
    """The token is good but lacks the scope (403)."""

    code = "FORBIDDEN"


class NotFound(ServiceError):
    """There is no such thing, or not for this caller (404)."""

    code = "NOT_FOUND"


class Conflict(ServiceError):
    """The state of things forbids it now (409)."""

    code = "CONFLICT"


class IllegalTransition(Conflict):
    """The state machine has no such arrow. Carries from, to and what is allowed."""

    code = "ILLEGAL_TRANSITION"

    def __init__(self, kind: str, source: str, target: str, allowed: Iterable[str]) -> None:
        choices = sorted(allowed)
        required = ", ".join(choices) or "nothing: the state is final"
        super().__init__(
            f"This {kind} is {source} and cannot become {target}; allowed from here: {required}.",
            violations=[
                Violation(
                    field="status",
                    code=self.code,
                    message=f"Not allowed from {source}.",
                    actual={"from": source, "to": target},
                    required=choices,
                )
            ],
        )


class InFlight(Conflict):
    """The same idempotency key is being worked on at this moment (409)."""

    code = "IDEMPOTENCY_IN_FLIGHT"


class KeyReused(ServiceError):
    """The idempotency key was used with another request (422)."""

    code = "IDEMPOTENCY_KEY_REUSED"


class Stale(ServiceError):
    """The caller saw an older version (412)."""

    code = "STALE_VERSION"


class PreconditionRequired(ServiceError):
    """A change of a known version needs If-Match (428)."""

    code = "PRECONDITION_REQUIRED"


class TooManyRequests(ServiceError):
    """The client's allowance is used up (429)."""

    code = "RATE_LIMITED"

    def __init__(self, detail: str, *, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Unavailable(ServiceError):
    """A part we need does not answer (503). `retry_after` in seconds."""

    code = "UNAVAILABLE"

    def __init__(self, detail: str, *, retry_after: int = 1, code: str | None = None) -> None:
        super().__init__(detail, code=code)
        self.retry_after = retry_after


class Overloaded(Unavailable):
    """More requests wait already than are let in (503); nothing was begun."""

    code = "OVERLOADED"


class OutcomeUnknown(Unavailable):
    """The commit was sent and nobody answered in time (503): it may have happened."""

    code = "OUTCOME_UNKNOWN"

    def __init__(self) -> None:
        super().__init__(
            "The database did not say in time whether this was done: it may have happened. Send the request again with"
            " the same Idempotency-Key: it then takes effect once, whatever happened to this one.",
            retry_after=2,
        )


class NotYetKnown(Unavailable):
    """It names an aggregate of another service whose event has not come yet.

    At the event door the event is set aside until that aggregate arrives; at the HTTP door the request waits
    up to a second, then answers 503 with Retry-After, or 404 when nothing can be on its way any more.
    """

    code = "NOT_YET_KNOWN"

    def __init__(
        self,
        topic: str,
        key: str,
        *,
        by_id: bool = True,
        known: bool = False,
        otherwise: ServiceError | None = None,
    ) -> None:
        """`by_id` False: `key` is words, because it was asked for by something else, such as a partner's number.

        `known`: the aggregate itself is known, and its next event is awaited.
        `otherwise`: what is answered instead of 404 when nothing can be on its way any more: a rule's own refusal, or,
        where the aggregate is known, what holds without its next event.
        """
        self.by_id, self.known, self.otherwise = by_id, known, otherwise
        super().__init__(f"The {topic} {key} is not known here yet; try again in a moment.", code=self.code)
        self.topic = topic
        self.key = key


class Transient(ServiceError):
    """Something outside failed for now: the consumer pauses, backs off and keeps its offset."""

    code = "TRANSIENT"


def forget_frames(error: BaseException | None) -> None:
    """For an error that was dealt with: cut the circle over its traceback and the frames there back to itself.

    Such circles wait for the garbage collector, which stops a process: 500 refused requests, 50,000 objects, 80 ms.
    """
    while error is not None and error.__traceback__ is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__
