"""Health: is the process alive, and may it be given work."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Check:
    """One thing this process needs. Not `required`: it is reported, but the process still takes work."""

    name: str
    ok: bool
    detail: str = ""
    required: bool = True


Ready = Callable[[], Iterable[Check]]


def report(checks: Iterable[Check]) -> tuple[bool, dict[str, Any]]:
    """Whether all required checks pass, and the body that says so."""
    found = list(checks)
    ok = all(check.ok for check in found if check.required)
    lines = [
        {"name": check.name, "ok": check.ok, "required": check.required}
        | ({"detail": check.detail} if check.detail else {})
        for check in found
    ]
    return ok, {"status": "ready" if ok else "not ready", "checks": lines}
