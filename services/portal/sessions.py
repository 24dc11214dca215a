"""Sign-ins under way and sessions, in the portal's own database. MongoDB removes what is over by itself (TTL).

Both live under secrets that only a browser has: see `sealed.py`. A sign-in can be taken once, by the browser that began
it. A session ends an hour after its last use and ten hours after its begin at the latest, as at the identity provider.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar

import msgspec
from pymongo import IndexModel

from services.portal.sealed import Seal
from shared.clock import Clock
from shared.errors import NotFound, Unavailable
from shared.storage.mongo import MongoCollection, MongoDatabase, within
from shared.storage.patience import Patience

SIGN_IN_LIFETIME: Final = timedelta(minutes=10)
IDLE: Final = timedelta(hours=1)
LONGEST: Final = timedelta(hours=10)
_TOUCH_EVERY: Final = timedelta(minutes=1)
_RENEWING: Final = timedelta(seconds=10)
_LOOKS: Final = 100
_BETWEEN_LOOKS: Final = 0.05
_TTL: Final = IndexModel("expires_at", name="over", expireAfterSeconds=0)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """A sign-in under way: what the provider's answer is checked against, and where to go afterwards."""

    verifier: str
    nonce: str
    origin: str
    target: str
    form: tuple[tuple[str, str], ...] = ()
    """What somebody had typed whose session was over when they sent it to `target`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who has signed in, by their id token."""

    subject: str
    name: str
    roles: tuple[str, ...] = ()
    person_id: str | None = None
    cluster_id: str | None = None
    organisation_ids: tuple[str, ...] = ()
    id_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What somebody's requests to the services carry, until when, and what it is renewed with."""

    access: str
    refresh: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A session's content: who it is, and their tokens. The browser has neither."""

    person: Person
    tokens: Tokens


class Sessions:
    """Sign-ins and sessions. Every method raises PyMongoError when the database is away."""

    def __init__(self, database: MongoDatabase, seal: Seal, now: Clock) -> None:
        self._seal = seal
        self._now = now
        self._sign_ins = database["sign_ins"]
        self._sessions = database["sessions"]
        self._indexed = False
        self._patience = Patience.with_(database.client)

    def prepare(self) -> None:
        """Make the indexes that remove what is over; once per process is enough."""
        if not self._indexed:
            for collection in (self._sign_ins, self._sessions):
                self._patience.repeat(partial(collection.create_indexes, [_TTL]))
            self._indexed = True

    def check(self) -> None:
        """Raise PyMongoError unless the database answers."""
        self.prepare()
        with within(1.0):
            self._sessions.database.command("ping")

    def begin(self, state: str, browser: str, sign_in: SignIn) -> None:
        """Remember a sign-in of the browser that holds the secret `browser`."""
        facts = {"browser": self._seal.digest("browser", browser), "expires_at": self._now() + SIGN_IN_LIFETIME}
        self._insert(self._sign_ins, "sign-in", state, sign_in, facts)

    def take(self, state: str, browser: str) -> SignIn:
        """The sign-in of that state, once, if this browser began it. NotFound otherwise, and nothing is used up."""
        mine = {"_id": self._seal.digest("sign-in", state), "browser": self._seal.digest("browser", browser)}
        alive = {"expires_at": {"$gt": self._now()}}
        found = self._patience.repeat(lambda: self._sign_ins.find_one_and_delete(mine | alive))
        return self._read(found, state, SignIn)

    def open(self, signed_in: SignedIn) -> str:
        """Begin a session; its id, which is kept nowhere but in the browser."""
        session_id = secrets.token_urlsafe(32)
        now = self._now()
        self._insert(
            self._sessions, "session", session_id, signed_in, {"expires_at": now + IDLE, "ends_at": now + LONGEST}
        )
        return session_id

    def find(self, session_id: str) -> SignedIn:
        """What this session holds, and keep it alive. NotFound when there is none or it is over."""
        return self._patience.repeat(lambda: self._find(session_id, self._now()))

    def renew(self, session_id: str, stale: Tokens, ask: Callable[[str], Tokens]) -> Tokens:
        """New tokens in place of stale ones. Of all requests that want them at once, in whatever process, one asks.

        Raises what `ask` raises; NotFound when the session ends meanwhile; Unavailable when the one who asks hangs.
        """
        key, until = {"_id": self._seal.digest("session", session_id)}, self._now() + _RENEWING
        mine = {**key, "$or": [{"renewing_until": None}, {"renewing_until": {"$lt": self._now()}}]}
        for _ in range(_LOOKS):
            claim = partial(self._sessions.update_one, mine, {"$set": {"renewing_until": until}})
            if self._patience.repeat(claim).modified_count:
                return self._renew(session_id, stale, ask)
            time.sleep(_BETWEEN_LOOKS)
            if (tokens := self.find(session_id).tokens) != stale:
                return tokens
        raise Unavailable("The identity provider does not answer; try again in a moment.", retry_after=5)

    def _renew(self, session_id: str, stale: Tokens, ask: Callable[[str], Tokens]) -> Tokens:
        """Ask, unless somebody had done so before it became our turn."""
        changes: dict[str, Any] = {"renewing_until": None}
        try:
            signed_in = self.find(session_id)
            if signed_in.tokens != stale:
                return signed_in.tokens
            tokens = ask(stale.refresh)
            changes["box"] = self._seal.close(session_id, msgspec.json.encode(replace(signed_in, tokens=tokens)))
            return tokens
        finally:
            key = {"_id": self._seal.digest("session", session_id)}
            self._patience.repeat(lambda: self._sessions.update_one(key, {"$set": changes}))

    def close(self, session_id: str) -> None:
        """End a session; nothing happens when there is none."""
        key = {"_id": self._seal.digest("session", session_id)}
        self._patience.repeat(lambda: self._sessions.delete_one(key))

    def _find(self, session_id: str, now: datetime) -> SignedIn:
        key = {"_id": self._seal.digest("session", session_id)}
        found = self._sessions.find_one({**key, "expires_at": {"$gt": now}, "ends_at": {"$gt": now}})
        signed_in = self._read(found, session_id, SignedIn)
        if found and found["expires_at"] < now + IDLE - _TOUCH_EVERY:
            self._sessions.update_one(key, {"$set": {"expires_at": _next_end(now, found["ends_at"])}})
        return signed_in

    def _insert(
        self, collection: MongoCollection, purpose: str, secret: str, thing: Any, facts: dict[str, Any]
    ) -> None:
        self.prepare()
        box = self._seal.close(secret, msgspec.json.encode(thing))
        document = {"_id": self._seal.digest(purpose, secret), "box": box, **facts}
        # An upsert, because it may be repeated after an answer that did not come.
        self._patience.repeat(lambda: collection.replace_one({"_id": document["_id"]}, document, upsert=True))

    def _read(self, document: dict[str, Any] | None, secret: str, kind: type[T]) -> T:
        if document is None:
            raise NotFound("There is none, or it is over.")
        try:
            return msgspec.json.decode(self._seal.open(secret, document["box"]), type=kind)
        except ValueError as error:  # of another version or another secret: the same as none
            raise NotFound("It cannot be read any more.") from error


def _next_end(now: datetime, ends_at: datetime) -> datetime:
    return min(now + IDLE, ends_at)
