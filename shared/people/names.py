"""Names of people, asked of the directory: the one thing that no event carries."""

from collections.abc import Iterable
from dataclasses import dataclass

import httpx

from shared.errors import Transient

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Named:
    """What the directory says of a person. An erased one has no name; neither has one it does not know."""

    name: str | None
    erased: bool
    known: bool


class Names:
    """Reads names from the directory's `POST /v1/people/names`."""

    def __init__(self, directory_url: str, auth: httpx.Auth, *, seconds: float = 5.0) -> None:
        """`seconds` is how long one question may take."""
        self._client = httpx.Client(base_url=directory_url, auth=auth, timeout=seconds, trust_env=False)

    def of(self, person_ids: Iterable[str]) -> dict[str, Named]:
        """Names by person id. Transient when the directory does not answer as it should."""
        wanted = list(dict.fromkeys(person_ids))
        found: dict[str, Named] = {}
        for start in range(0, len(wanted), _BATCH):
            found |= self._ask(wanted[start : start + _BATCH])
        return found

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def _ask(self, person_ids: list[str]) -> dict[str, Named]:
        try:
            response = self._client.post("/v1/people/names", json={"person_ids": person_ids})
            response.raise_for_status()
            return {item["person_id"]: _named(item) for item in response.json()["items"]}
        except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise Transient("The directory gave no names.") from error


def _named(item: dict[str, object]) -> Named:
    parts = [part for part in (item.get("given_name"), item.get("family_name")) if isinstance(part, str) and part]
    return Named(" ".join(parts) or None, bool(item.get("erased")), bool(item.get("known", True)))
