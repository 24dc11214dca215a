"""The index of skills in this process: made when first asked for, made anew when a framework was imported."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from services.catalog_service.adapters.meaning import Meaning, encode
from services.catalog_service.adapters.skill_index import SkillIndex
from services.catalog_service.adapters.suggesting import Suggester
from services.catalog_service.domain.skills import ESCO
from services.catalog_service.store.skills import Skills

_LOOK_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Told:
    """What proposes skills: by words, and by meaning where the vectors of the labels are there."""

    by_words: Suggester
    meaning: Meaning | None


class Vocabulary:
    """`skills` reads what is kept. What was imported is found within a second and the time to index it."""

    def __init__(self, skills: Callable[[], Skills], seconds: Callable[[], float] = time.monotonic) -> None:
        self._skills, self._seconds = skills, seconds
        self._lock = threading.Lock()
        self._index: SkillIndex | None = None
        self._versions: dict[str, str] = {}
        self._looked = float("-inf")
        self._told: Told | None = None
        self._told_of: str | None = None

    def index(self) -> SkillIndex:
        """The present index. Who comes first makes it; while it is made anew, the old one answers."""
        if self._index is not None and self._seconds() - self._looked < _LOOK_SECONDS:
            return self._index
        if self._index is not None and not self._lock.acquire(blocking=False):
            return self._index
        if self._index is None:
            self._lock.acquire()
        try:
            return self._fresh()
        finally:
            self._lock.release()

    def told(self) -> Told:
        """What proposes skills of ESCO as it is now. Made when first asked for, under the lock."""
        self.index()
        with self._lock:
            version = self._versions.get(ESCO, "")
            if self._told is None or self._told_of != version:
                skills = self._skills()
                ids, vectors = skills.vectors()
                meaning = Meaning(ids, vectors, encode) if ids else None
                self._told, self._told_of = Told(Suggester(skills.released(ESCO)), meaning), version
            return self._told

    def _fresh(self) -> SkillIndex:
        skills = self._skills()
        versions = skills.versions()
        if self._index is None or versions != self._versions:
            frameworks = skills.frameworks()
            self._index = SkillIndex(one for code in sorted(frameworks) for one in skills.released(code))
            self._versions = versions
        self._looked = self._seconds()
        return self._index
