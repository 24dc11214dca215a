"""A job over the rows of a file: reading on behind a position, and each row by itself."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from shared.errors import ServiceError
from shared.jobs.job import Item
from shared.storage.work import UnitOfWork
from shared.tables.outcomes import Outcome, failed
from shared.tables.table import Fault, Row


class RowReader:
    """Gives the rows of a table in order. `reopen` opens the table anew: for a position that lies behind the present."""

    def __init__(self, reopen: Callable[[], Iterator[Row]]) -> None:
        self._reopen = reopen
        self._rows = reopen()
        self._at = 0

    def items(self, after: int, limit: int) -> Sequence[Item]:
        """The rows behind row number `after`, at most `limit`."""
        if after < self._at:
            self._rows, self._at = self._reopen(), 0
        found = list(islice(self._from(after), limit))
        if found:
            self._at = found[-1].number
        return [Item(row.number, row) for row in found]

    def _from(self, after: int) -> Iterator[Row]:
        return (row for row in self._rows if row.number > after)


def each_row(work: UnitOfWork, items: Sequence[Item], act: Callable[[UnitOfWork, Row], Outcome]) -> list[Outcome]:
    """Act on each row inside a savepoint: a refused one becomes a failed row with all its violations."""
    outcomes: list[Outcome] = []
    for item in items:
        row: Row = item.value
        if row.fault is not None:
            outcomes.append(failed(row, row.fault))
            continue
        try:
            with work.savepoint():
                outcomes.append(act(work, row))
        except ServiceError as error:
            outcomes += refused(row, error)
    return outcomes


def refused(row: Row, error: ServiceError) -> list[Outcome]:
    """The row's failure, one entry for each violation; `column` holds the violation's field."""
    faults = [Fault(code=v.code, message=v.message, column=v.field, value=v.actual) for v in error.violations] or [
        Fault(code=error.error_code, message=error.detail)
    ]
    return [failed(row, fault) for fault in faults]
