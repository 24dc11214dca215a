"""The contract between a door and the storage: a write is a function of a unit of work that ends in an answer."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from shared.storage.work import Hint, UnitOfWork

REPLAYED = ("Idempotency-Replayed", "true")


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back over the wire; kept in the same transaction as the write when an idempotency key was given."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """`record_id` hashes client and key; `fingerprint` hashes method, path and body."""

    record_id: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Write:
    """One request that changes something.

    `act` may run more than once (a conflict is decided again on fresh state) but takes effect once. `hints` name what
    it will read, so that a group loads all of it in one go; asked again when that is loaded, for what it leads to.
    """

    act: Callable[[UnitOfWork], Answer]
    key: IdempotencyKey | None = None
    hints: Callable[[UnitOfWork], Iterable[Hint]] | None = None


class Writes(Protocol):
    """Runs writes: alone in a transaction, or together with others that wait in this process."""

    def run(self, write: Write) -> Answer:
        """Commit the write and return its answer, or raise its error with nothing written.

        A key seen before returns the kept answer with `Idempotency-Replayed: true`; KeyReused when the request
        differs; InFlight while another one with this key runs.
        """
        ...
