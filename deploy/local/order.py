"""What a running stack is asked to do: replace its processes one after the other. Asked by a file, told in stack.json."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from deploy.local.errors import StackError
from deploy.local.folder import Folder
from deploy.local.life import Life

if TYPE_CHECKING:
    from deploy.local.artefacts import Say

_TAKEN_WITHIN = 10.0


@dataclass(slots=True)
class Order:
    """One order and how far it has come. `parts` names parts, kinds or services; empty: all that is ours."""

    id: str
    parts: tuple[str, ...] = ()
    engines: bool = False
    said: list[str] = field(default_factory=list)
    error: str | None = None
    done: bool = False

    def note(self, sentence: str) -> None:
        """Tell a step that was done."""
        self.said.append(sentence)

    def fail(self, sentence: str) -> None:
        """Tell why it ended early."""
        self.error = sentence

    def end(self) -> None:
        """Nothing more will happen."""
        self.done = True

    def facts(self) -> dict[str, Any]:
        """Return what stack.json says of it."""
        return {"id": self.id, "said": list(self.said), "error": self.error, "done": self.done}


def place(folder: Folder, parts: tuple[str, ...], *, engines: bool) -> str:
    """Ask the supervisor of this folder; return the order's id."""
    made = uuid.uuid4().hex
    folder.write_order({"id": made, "parts": list(parts), "engines": engines})
    return made


def take(folder: Folder) -> Order | None:
    """Return the order that waits, if one does; it waits no longer."""
    if not folder.order_file.exists():
        return None
    asked = folder.read_order()
    folder.order_file.unlink(missing_ok=True)
    return Order(asked["id"], tuple(asked["parts"]), asked["engines"])


def choose(order: Order, lives: Mapping[str, Life]) -> list[Life]:
    """Return the parts to replace in their order: workers, APIs, the gateway, then engines where they were asked for.

    Raise StackError when a name means nothing here.
    """
    for name in order.parts:
        if not any(_is_meant(life.name, (name,)) for life in lives.values()):
            raise StackError(f"No part of this stack is called {name}; there are: {', '.join(lives)}.")
    if order.parts:
        chosen = [life for life in lives.values() if _is_meant(life.name, order.parts)]
    else:
        chosen = [life for life in lives.values() if order.engines or not life.part.engine]
    return sorted(chosen, key=_rank)


def follow(folder: Folder, made: str, say: Say) -> None:
    """Pass on what the supervisor tells until the order is done; raise StackError when it failed."""
    told = 0
    for facts in _states(folder, made):
        for sentence in facts["said"][told:]:
            say(sentence)
        told = len(facts["said"])
        if facts["done"]:
            if facts["error"]:
                raise StackError(facts["error"])
            return
    raise StackError("The stack was stopped before it had done that.")


def _states(folder: Folder, made: str) -> Iterator[dict[str, Any]]:
    """Yield the order's state again and again while the stack is up."""
    until = time.monotonic() + _TAKEN_WITHIN
    while True:
        stack = folder.read_stack()
        facts = stack.get("order")
        if facts and facts["id"] == made:
            yield facts
        elif time.monotonic() > until:
            raise StackError("The stack does not take orders; is it up? `clusterskills stack status` tells.")
        if stack.get("state") != "up" or not folder.is_owned():
            return
        time.sleep(0.1)


def _is_meant(part: str, names: tuple[str, ...]) -> bool:
    return any(part == name or part.startswith(f"{name}-") for name in names)


def _rank(life: Life) -> int:
    if life.part.engine:
        return 3
    return 2 if life.name == "gateway" else int("-api" in life.name)
