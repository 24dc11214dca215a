"""One question to several services at once: what they answered, and who was silent."""

import base64
import contextvars
import json
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any, Final

from services.portal.runtime import runtime
from services.portal.visitors import bearer
from shared.errors import NotFound, Unavailable

PAGE: Final = 25
"""Items that each service is asked for at most."""
Thing = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answers:
    """What each service answered, by its name, and the names of those that did not answer."""

    found: Mapping[str, Any]
    silent: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Newest:
    """Items of several services, the newest first, each with its `service`. `cursor` leads to older ones."""

    items: list[dict[str, Any]]
    cursor: str
    silent: tuple[str, ...]


def chosen(service: str) -> tuple[str, ...]:
    """The one service that somebody picked, or all where they picked none. NotFound for another name."""
    known = runtime().platform.services
    if service and service not in known:
        raise NotFound(f"There is no service {service}.")
    return (service,) if service else known


def ask_all(path: str, queries: Mapping[str, Mapping[str, Any]]) -> Answers:
    """`GET /v1/{service}/{path}` of each service named in `queries`, side by side, as whoever looks at the page."""
    token, platform = bearer(), runtime().platform

    def ask(service: str) -> Any:
        try:
            return platform.get(service, f"{service}/{path}", token, **queries[service])
        except Unavailable:
            return None

    contexts = {service: contextvars.copy_context() for service in queries}
    with ThreadPoolExecutor(max_workers=max(len(queries), 1)) as pool:
        found = dict(zip(queries, pool.map(lambda one: contexts[one].run(ask, one), queries), strict=True))
    return Answers(
        {service: answer for service, answer in found.items() if answer is not None},
        tuple(service for service, answer in found.items() if answer is None),
    )


def newest(path: str, at: str, services: Iterable[str], cursor: str, **query: Any) -> Newest:
    """The newest items of several services as one list; `at` names the field that tells how old an item is.

    A page ends where one of the services may have more: what another one has from before is left for the next page.
    That costs a second call to each service of which a part is left.
    """
    positions = _positions(cursor, services)
    answers = ask_all(path, {one: {**query, "limit": PAGE, "cursor": place} for one, place in positions.items()})
    moment = _moment_of(at)
    ends = [moment(page["items"][-1]) for page in answers.found.values() if page["next"]]
    shown = {one: _from(max(ends, default=None), page["items"], moment) for one, page in answers.found.items()}
    items = [{**item, "service": one} for one, some in shown.items() for item in some]
    onward = _onward(path, query, positions, answers.found, shown)
    return Newest(sorted(items, key=moment, reverse=True), _cursor(onward), answers.silent)


def _onward(
    path: str,
    query: Mapping[str, Any],
    positions: Mapping[str, str],
    found: Mapping[str, Any],
    shown: Mapping[str, list[Thing]],
) -> dict[str, str]:
    """Where each service goes on that has more."""
    whole = {one: page["next"] for one, page in found.items() if len(shown[one]) == len(page["items"]) and page["next"]}
    parts = [one for one, page in found.items() if len(shown[one]) < len(page["items"])]
    begun = {one: {**query, "limit": len(shown[one]), "cursor": positions[one]} for one in parts if shown[one]}
    again = {one: page["next"] for one, page in ask_all(path, begun).found.items() if page["next"]} if begun else {}
    return {**whole, **{one: positions[one] for one in parts if one not in begun}, **again}


def _from(end: datetime | None, items: list[Thing], moment: Callable[[Thing], datetime]) -> list[Thing]:
    return items if end is None else list(takewhile(lambda item: moment(item) >= end, items))


def _moment_of(at: str) -> Callable[[Thing], datetime]:
    return lambda item: datetime.fromisoformat(item[at])


def _cursor(positions: Mapping[str, str]) -> str:
    if not positions:
        return ""
    return base64.urlsafe_b64encode(json.dumps(positions).encode()).decode().rstrip("=")


def _positions(cursor: str, services: Iterable[str]) -> dict[str, str]:
    """Where to go on in each service: at the beginning without a cursor, or with one that is not ours."""
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))) if cursor else {}
    except ValueError:
        found = {}
    known = {one: str(found[one]) for one in services if one in found} if isinstance(found, dict) else {}
    return known or dict.fromkeys(services, "")
