"""The indexes of skills in this process: made when first asked for, made anew when a framework was imported.

They are made in a thread of their own: all of ESCO takes seconds, more than a request may have. Meanwhile the ones
before answer; who finds none yet waits for a while.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from pymongo.errors import PyMongoError

from services.catalog_service.adapters.meaning import Meaning, encode
from services.catalog_service.adapters.skill_index import SkillIndex
from services.catalog_service.adapters.suggesting import Suggester
from services.catalog_service.domain.skills import ESCO
from services.catalog_service.store.skills import Skills
from shared.errors import Unavailable
from shared.logs import get_logger

log = get_logger(__name__)
T = TypeVar("T")
_LOOK_SECONDS: Final = 0.5
_PATIENCE: Final = 10.0


@dataclass(frozen=True, slots=True)
class Told:
    """What proposes skills: by words, and by meaning where the vectors of the labels are there."""

    by_words: Suggester
    meaning: Meaning | None


class Vocabulary:
    """`skills` reads what is kept. What was imported is found within a second and the time to index it."""

    def __init__(self, skills: Skills, seconds: Callable[[], float] = time.monotonic) -> None:
        self._skills, self._seconds = skills, seconds
        self._lock = threading.Lock()
        self._changed = threading.Condition()
        self._looked = float("-inf")
        self._index: SkillIndex | None = None
        self._index_of: dict[str, str] = {}
        self._told: Told | None = None
        self._told_of: str | None = None
        self._suggests = False

    def index(self) -> SkillIndex:
        """Of all frameworks. Raises Unavailable while the first one takes long."""
        return self._awaited(lambda: self._index)

    def told(self) -> Told:
        """What proposes skills of ESCO. Raises Unavailable while the first one takes long."""
        self._suggests = True
        return self._awaited(lambda: self._told)

    def _awaited(self, there: Callable[[], T | None]) -> T:
        with self._changed:
            end = time.monotonic() + _PATIENCE
            while (found := self._look(there)) is None and (left := end - time.monotonic()) > 0:
                self._changed.wait(min(left, _LOOK_SECONDS))
        if found is None:
            raise Unavailable("The skills are being read; ask again in a moment.", retry_after=3)
        return found

    def _look(self, there: Callable[[], T | None]) -> T | None:
        """What is there now; somebody looks whether it is still right, if that was not done just before."""
        if there() is None or self._seconds() - self._looked > _LOOK_SECONDS:
            threading.Thread(target=self._keep_up, name="vocabulary", daemon=True).start()
        return there()

    def _keep_up(self) -> None:
        if not self._lock.acquire(blocking=False):
            return
        try:
            self._make(self._skills)
            self._looked = self._seconds()
        except PyMongoError as error:
            log.warning("vocabulary_waits_for_storage", error=type(error).__name__)
        finally:
            self._lock.release()
        with self._changed:
            self._changed.notify_all()

    def _make(self, skills: Skills) -> None:
        versions = skills.versions()
        if self._index is None or versions != self._index_of:
            every = (one for code in sorted(skills.frameworks()) for one in skills.released(code))
            self._index, self._index_of = SkillIndex(every), versions
        version = versions.get(ESCO, "")
        if self._suggests and (self._told is None or version != self._told_of):
            ids, vectors = skills.vectors()
            meaning = Meaning(ids, vectors, encode) if ids else None
            self._told, self._told_of = Told(Suggester(skills.released(ESCO)), meaning), version
