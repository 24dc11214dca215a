"""Cursors: a signed position in one list. They never expire, and are of no use in another list, with other filters or
to somebody else."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from shared.auth.caller import Caller
from shared.errors import Invalid, Violation

_SIGNATURE_BYTES = 16


@dataclass(frozen=True, slots=True)
class Cursors:
    """Signs with a secret that all processes share."""

    secret: bytes

    def sign(self, position: Any, scope: str) -> str:
        """The cursor for a position (a JSON value) in the list that `scope` names."""
        payload = orjson.dumps(position)
        return base64.urlsafe_b64encode(self._signature(payload, scope) + payload).rstrip(b"=").decode()

    def read(self, cursor: str, scope: str) -> Any:
        """The position; Invalid when the cursor was not made here, for this list."""
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except ValueError as error:
            raise _bad_cursor() from error
        signature, payload = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._signature(payload, scope)):
            raise _bad_cursor()
        return orjson.loads(payload)

    def _signature(self, payload: bytes, scope: str) -> bytes:
        message = scope.encode("utf-8", "surrogatepass") + b"\0" + payload
        return hmac.digest(self.secret, message, hashlib.sha256)[:_SIGNATURE_BYTES]


@dataclass(frozen=True, slots=True)
class Feed:
    """One request's place in a list: how many items, and after which position."""

    cursors: Cursors
    scope: str
    limit: int
    after: Any = None

    def cursor(self, position: Any) -> str:
        """The cursor of the next page."""
        return self.cursors.sign(position, self.scope)


def scope_of(path: str, filters: Mapping[str, Any], caller: Caller | None) -> str:
    """Names a list: its path, the filters as they were written, in any order, and who reads it, for which employer."""
    who = caller and (caller.subject, caller.acting_organisation)
    return f"{path}?{orjson.dumps([filters, who], option=orjson.OPT_SORT_KEYS, default=str).decode()}"


def _bad_cursor() -> Invalid:
    message = "This is not your cursor of this list with these filters; start again without one."
    return Invalid(message, violations=[Violation(field="cursor", code="BAD_CURSOR", message=message)])
