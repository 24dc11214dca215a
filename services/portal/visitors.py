"""Who looks at a page: a guest, or somebody with a session. And the cookies that say so."""

import hmac
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, cast
from urllib.parse import urlsplit

from flask import Response, g, request
from pymongo.errors import PyMongoError

from services.portal.identity import SignInRefused
from services.portal.runtime import runtime
from services.portal.sessions import LONGEST, SIGN_IN_LIFETIME, Person, Tokens
from shared.errors import Forbidden, NotFound, Unauthenticated
from shared.logs import get_logger

ROLES: Final = ("worker", "trainer", "reviewer", "hr", "manager", "operator")
_LONGEST_COOKIE: Final = 100
_ABOUT_TO_END: Final = timedelta(seconds=15)

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody at a page; a guest has no person."""

    person: Person | None = None
    session_id: str = ""
    tokens: Tokens | None = None

    @property
    def roles(self) -> tuple[str, ...]:
        """Their roles that the pages know, in the order of the runtime."""
        return tuple(role for role in ROLES if self.person and role in self.person.roles)

    @property
    def form_token(self) -> str:
        """What a form of theirs must bring back: no other site can know it."""
        return runtime().seal.digest("form", self.session_id) if self.session_id else ""


GUEST: Final = Visitor()


def visitor() -> Visitor:
    """Who asks, looked up once per request. Everybody is a guest while the sessions cannot be read."""
    if "visitor" not in g:
        g.visitor = _look_up(request.cookies.get(_cookie("session"), ""))
    return cast(Visitor, g.visitor)


class SignInNeeded(Unauthenticated):
    """The page is for people who have signed in, and this one has not, or their session is over."""

    code = "SIGN_IN_NEEDED"


def bearer() -> str:
    """The access token of whoever looks at the page, renewed when it is about to end. Raises SignInNeeded."""
    who = visitor()
    if who.tokens is None:
        raise SignInNeeded("Sign in to see this page.")
    if who.tokens.expires_at - runtime().now() > _ABOUT_TO_END:
        return who.tokens.access
    try:
        tokens = runtime().sessions.renew(who.session_id, who.tokens, runtime().provider.renew)
    except (SignInRefused, NotFound) as error:
        runtime().sessions.close(who.session_id)
        g.visitor = GUEST
        raise SignInNeeded("The session is over; sign in again.") from error
    g.visitor = replace(who, tokens=tokens)
    return tokens.access


def require(*roles: str) -> Person:
    """Whoever looks at the page, if they have one of these roles. Raises SignInNeeded, or Forbidden."""
    who = visitor()
    if who.person is None:
        raise SignInNeeded("Sign in to see this page.")
    if roles and not set(roles) & set(who.roles):
        raise Forbidden("This page is for another role.", code="OTHER_ROLE")
    return who.person


def check_form(token: str) -> None:
    """Refuse a form that was not sent from our page (Forbidden): by what it brings back, and by what the browser says."""
    ours = urlsplit(runtime().origin())
    elsewhere = request.headers.get("Origin") not in {None, f"{ours.scheme}://{ours.netloc}"}
    if elsewhere or not hmac.compare_digest(token.encode("utf-8", "replace"), visitor().form_token.encode()):
        raise Forbidden("This form does not come from our page.", code="FORM_REFUSED")


def keep_session(response: Response, session_id: str) -> None:
    """Give the browser its session."""
    _set(response, "session", session_id, int(LONGEST.total_seconds()))


def end_session() -> None:
    """Whoever asks is a guest from here on; `drop_session` makes their browser forget it too."""
    runtime().sessions.close(visitor().session_id)
    g.visitor = GUEST


def drop_session(response: Response) -> None:
    """Take the session from the browser."""
    _drop(response, "session")


def browser_secret() -> str:
    """What binds a sign-in to this browser; empty when it began none."""
    return _plausible(request.cookies.get(_cookie("sign-in"), ""))


def keep_browser_secret(response: Response, secret: str) -> None:
    """Bind the sign-ins of the next minutes to this browser."""
    _set(response, "sign-in", secret, int(SIGN_IN_LIFETIME.total_seconds()))


def safe_target(asked: str | None) -> str:
    """Where to go after a detour: a path of ours, else the start page. Never another site."""
    if not asked or not asked.startswith("/") or asked.startswith(("//", "/\\")) or len(asked) > 2000:
        return "/"
    if any(ord(letter) < 33 or ord(letter) == 127 or letter == "\\" for letter in asked):
        return "/"
    parts = urlsplit(asked)
    return "/" if parts.scheme or parts.netloc else asked


def _look_up(session_id: str) -> Visitor:
    if not _plausible(session_id):
        return GUEST
    try:
        found = runtime().sessions.find(session_id)
        return Visitor(found.person, session_id, found.tokens)
    except NotFound:
        return GUEST
    except PyMongoError as error:
        log.warning("sessions cannot be read", error=type(error).__name__)
        return GUEST


def _plausible(value: str) -> str:
    return value if value.isascii() and len(value) <= _LONGEST_COOKIE else ""


def _secure() -> bool:
    return runtime().origin().startswith("https:")


def _cookie(name: str) -> str:
    """Cookies know no ports: the port in the name keeps several installations on one machine apart."""
    port = urlsplit(runtime().origin()).port
    full = f"portal-{name}-{port}" if port else f"portal-{name}"
    return f"__Host-{full}" if _secure() else full


def _set(response: Response, name: str, value: str, seconds: int) -> None:
    # Lax, not Strict: the way back from the identity provider comes from another site.
    response.set_cookie(_cookie(name), value, max_age=seconds, secure=_secure(), httponly=True, samesite="Lax")


def _drop(response: Response, name: str) -> None:
    response.delete_cookie(_cookie(name), secure=_secure(), httponly=True, samesite="Lax")
