"""How a cluster's pages look: the name, logo and colours that its people see in place of ours.

A brand is one colour, on which white can be read. What stands on light and on dark ground is mixed from it, so that it
can be read there.
"""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import httpx

from services.portal.neighbours import Remembered, trace_headers
from shared.colour import BLACK, WHITE, channels, mix, readable
from shared.logs import get_logger

_TIMEOUT: Final = 1.0
_GOOD_FOR: Final = 5.0
_LIGHT_GROUND: Final = "#fafafa"
_DARK_GROUND: Final = "#262626"
_LOGO: Final = re.compile(
    r"(https://[a-z0-9.-]+(?::\d{1,5})?|http://(?:localhost|127\.0\.0\.1)(?::\d{1,5})?)/[^\s\"'<>]*"
)
log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Tones:
    """Colours of links and buttons on one ground, and of the text on such a button."""

    main: str
    strong: str
    on_main: str

    @property
    def variables(self) -> dict[str, str]:
        """What the style sheet calls them."""
        main, strong = (", ".join(map(str, channels(one))) for one in (self.main, self.strong))
        return {
            "--tblr-primary": self.main,
            "--tblr-primary-rgb": main,
            "--tblr-primary-fg": self.on_main,
            "--tblr-primary-darken": self.strong,
            "--tblr-link-color": self.main,
            "--tblr-link-color-rgb": main,
            "--tblr-link-hover-color": self.strong,
            "--tblr-link-hover-color-rgb": strong,
        }


@dataclass(frozen=True, slots=True)
class Brand:
    """What the pages of a cluster show. `colour` is `#rrggbb`; `logo` an address that a browser may ask, or empty."""

    name: str
    colour: str
    logo: str = ""

    @property
    def light(self) -> Tones:
        """On light ground."""
        main = readable(self.colour, _LIGHT_GROUND, BLACK)
        return Tones(main, mix(main, BLACK, 0.2), WHITE)

    @property
    def dark(self) -> Tones:
        """On dark ground: so much lighter that dark text can be read on it, too."""
        main = readable(mix(self.colour, WHITE, 0.4), _DARK_GROUND, WHITE)
        return Tones(main, mix(main, WHITE, 0.25), "#171717")

    @property
    def logo_origin(self) -> str:
        """From where the page must be allowed to load the logo."""
        found = _LOGO.fullmatch(self.logo)
        return found[1] if found else ""


def brand_of(portal: Mapping[str, Any]) -> Brand:
    """The brand that a cluster's settings describe."""
    told = portal["brand"]
    logo = told.get("logo_url") or ""
    return Brand(told.get("name") or portal["cluster_name"], told["colour"], logo if _LOGO.fullmatch(logo) else "")


OURS: Final = Brand("", "#0b5d4c")
"""That of a cluster that has set nothing up."""


class Brands:
    """The clusters' brands, at most a few seconds old. While the directory is away they stay as they were."""

    def __init__(self, http: httpx.Client, address: str) -> None:
        self._http, self._address = http, address
        self._known: dict[str, Remembered[Brand]] = {}
        self._latest: dict[str, Brand] = {}
        self._adding = threading.Lock()

    def find(self, cluster_id: str) -> Brand | None:
        """The brand of a cluster that has chosen one."""
        found = self._remembered(cluster_id).get()
        return None if found is OURS else found

    def learn(self, portal: Mapping[str, Any]) -> None:
        """These are a cluster's settings now."""
        self._remembered(portal["id"]).put(self._keep(portal))

    def _remembered(self, cluster_id: str) -> Remembered[Brand]:
        with self._adding:
            if cluster_id not in self._known:
                ask = partial(self._ask, cluster_id)
                self._known[cluster_id] = Remembered(ask, lambda _: True, _GOOD_FOR, _GOOD_FOR)
            return self._known[cluster_id]

    def _ask(self, cluster_id: str) -> Brand:
        try:
            address = f"{self._address}/v1/portals/{cluster_id}"
            answer = self._http.get(address, headers=trace_headers(), timeout=_TIMEOUT)
            return self._keep(answer.raise_for_status().json())
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            log.warning("brand_not_known", cluster_id=cluster_id, error=type(error).__name__)
            return self._latest.get(cluster_id, OURS)

    def _keep(self, portal: Mapping[str, Any]) -> Brand:
        found = brand_of(portal) if portal["version"] else OURS
        self._latest[portal["id"]] = found
        return found
