"""What a service answers to a test that calls it, and a client that pulls one of its feeds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass
class Answer:
    """What came back."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def codes(self) -> list[tuple[str, str]]:
        """Field and code of every violation."""
        return [(violation["field"], violation["code"]) for violation in self.body.get("violations", [])]


class Puller:
    """A client that keeps the cursor of its last pull. `ask` sends a query and returns the body of the answer."""

    def __init__(self, ask: Callable[[dict[str, Any]], Any], **query: Any) -> None:
        self._ask, self._query = ask, query
        self.cursor: str | None = None

    def pull(self, limit: int = 50) -> list[dict[str, Any]]:
        """Everything new since the last pull, page by page."""
        found: list[dict[str, Any]] = []
        while True:
            body = self._ask({**self._query, "limit": limit} | ({"cursor": self.cursor} if self.cursor else {}))
            found += body["items"]
            self.cursor = body["pull"]
            assert body["next"] in {None, self.cursor}
            if body["next"] is None:
                return found
