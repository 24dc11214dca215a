"""How much one client may ask of one process: a bucket of tokens that fills by time."""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final

_MOST_CLIENTS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left after this request. `retry_after` is 0 when it may pass, else seconds to wait."""

    limit: int
    remaining: int
    reset: int
    retry_after: int = 0

    def headers(self) -> tuple[tuple[str, str], ...]:
        """RateLimit-*: the limit per second, what is left of it, seconds until all of it is back."""
        return (
            ("RateLimit-Limit", str(self.limit)),
            ("RateLimit-Remaining", str(self.remaining)),
            ("RateLimit-Reset", str(self.reset)),
        )


class RateLimit:
    """A bucket per client, as large as a second's allowance. The clients seen longest ago are forgotten."""

    def __init__(self, per_second: int, now: Callable[[], float] = time.monotonic) -> None:
        self._rate = per_second
        self._now = now
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, client: str) -> Allowance:
        """Count one request of this client."""
        now = self._now()
        with self._lock:
            left, at = self._buckets.get(client, (float(self._rate), now))
            left = min(self._rate, left + (now - at) * self._rate)
            allowed = left >= 1
            left -= allowed
            self._buckets[client] = (left, now)
            self._buckets.move_to_end(client)
            if len(self._buckets) > _MOST_CLIENTS:
                self._buckets.popitem(last=False)
        wait = 0 if allowed else max(1, math.ceil((1 - left) / self._rate))
        return Allowance(self._rate, int(left), math.ceil((self._rate - left) / self._rate), wait)


def address_of(remote: str, forwarded_for: str | None, trusted_proxies: int) -> str:
    """The address that counts as the client: as many hops back from the right of X-Forwarded-For as we trust."""
    hops = [hop.strip() for hop in (forwarded_for or "").split(",") if hop.strip()]
    if trusted_proxies <= 0 or not hops:
        return network_of(remote)
    return network_of(hops[-min(trusted_proxies, len(hops))])


@lru_cache(4096)
def network_of(address: str) -> str:
    """An IPv6 customer has a whole /64; one who moves within it stays one client."""
    try:
        found = ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped) if found.ipv4_mapped else f"{IPv6Address(int(found) >> 64 << 64)}/64"
    return str(found)
