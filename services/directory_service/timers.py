"""The clock door: what is done now and then."""

from collections.abc import Callable

from services.directory_service.adapters.identity import Identity


class Strays:
    """Clients at the identity provider that no key here stands for: a process died between making one and keeping it."""

    def __init__(self, identity: Identity, known: Callable[[], set[str]]) -> None:
        self._identity, self._known = identity, known
        self._before: set[str] = set()

    def sweep(self) -> int:
        """Remove those that were strays the last time too: what is new may be on its way to be kept."""
        made = set(self._identity.programs())
        strays = made - self._known()
        again, self._before = strays & self._before, strays
        for stray in again:
            self._identity.end_program(stray)
        return len(again)
