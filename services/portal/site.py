"""The portal's WSGI application: what every answer carries, errors as pages or problems, and what templates may use."""

import secrets
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import Flask, Response, g, render_template, request
from flask_babel import format_date, format_decimal, get_locale
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from services.portal import branding, faults, languages, menu
from services.portal.frontend import Frontend
from services.portal.languages import _l
from services.portal.pages import sign_in
from services.portal.platform import Refused
from services.portal.runtime import runtime
from services.portal.visitors import GUEST, SignInNeeded, visitor
from shared import tracing
from shared.errors import Conflict, Forbidden, ServiceError
from shared.http.problems import Malformed, answer_for
from shared.http.response import to_response
from shared.http.span import serve_within_span
from shared.logs import get_logger
from shared.storage.mongo import translate

log = get_logger(__name__)
_ROUTE: Final = "portal.route"
_ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_SENTENCES: Final = {
    400: (
        _l("This request cannot be read"),
        _l("The address or the form contains something that we do not recognise."),
    ),
    403: (
        _l("This page has expired"),
        _l("The page you came from is out of date. Go back, load it again and try once more."),
    ),
    404: (_l("There is no such page"), _l("The address may be mistyped, or what was here has moved.")),
    405: (_l("Not possible here"), _l("This address takes other requests only.")),
    413: (_l("That is too large"), _l("A credential file has at most one megabyte.")),
    503: (
        _l("Not available at the moment"),
        _l("A part of the platform does not answer. Nothing was changed; please try again shortly."),
    ),
}
_UNFORESEEN: Final = (
    _l("Something went wrong on our side"),
    _l("The error is recorded; nothing was changed. Please try again shortly."),
)


_PAGE_ERRORS: Final[dict[int, type[ServiceError]]] = {403: Forbidden, 409: Conflict}


class Portal(Flask):
    """Flask without its own sessions and static files: ours are in MongoDB, and whitenoise stands before it."""

    def __init__(self, frontend: Frontend, trusted_proxies: int) -> None:
        super().__init__("services.portal", static_folder=None, template_folder="templates")
        self.config["MAX_CONTENT_LENGTH"] = 2 * 1024 * 1024
        self.config["MAX_FORM_MEMORY_SIZE"] = 64 * 1024
        self.jinja_env.trim_blocks = self.jinja_env.lstrip_blocks = True
        pages = super().wsgi_app
        behind = ProxyFix(pages, x_for=trusted_proxies, x_proto=trusted_proxies) if trusted_proxies else pages
        self._served = frontend.serve(behind)
        self.register_error_handler(Exception, _tell)
        self.after_request(_finish)
        self.context_processor(lambda: _for_templates(frontend))
        self.jinja_env.filters |= {
            "numberformat": format_decimal,
            "country": _country,
            "day": _day,
            "language_name": languages.name_of,
            "moment": _moment,
            "text": languages.best_text,
            "said": lambda one: faults.sentence(one["code"], one["message"]),
            "without": _without,
        }
        languages.speak(self)

    def wsgi_app(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Answer within a span, and count it."""
        return serve_within_span(environ, start_response, self._served, rule=lambda: str(environ.get(_ROUTE, "none")))


def nonce() -> str:
    """What this answer's scripts and styles carry; nothing else in the page may run."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(16)
    return str(g.nonce)


def wants_problem() -> bool:
    """Whether the asker is a program: below /v1, or one that asks for JSON and not for pages."""
    if request.path == "/v1" or request.path.startswith("/v1/"):
        return True
    best = request.accept_mimetypes.best_match(["text/html", "application/json", "application/problem+json"])
    return best not in {None, "text/html"}


def _tell(error: Exception) -> Response:
    if isinstance(error, SignInNeeded) and not wants_problem():
        return sign_in.detour()
    g.visitor = GUEST
    if isinstance(error, Refused):
        # A page that does not expect it: said as what it is, and written down, because the page is wrong.
        log.error("service_refused_a_page", path=request.path, code=error.error_code, status=error.status)
        error = _PAGE_ERRORS.get(error.status, Malformed)(error.detail)
    answer = answer_for(error, translate)
    if wants_problem():
        return to_response(answer)
    title, sentence = _SENTENCES.get(answer.status, _SENTENCES[400] if answer.status < 500 else _UNFORESEEN)
    page = render_template(
        "error.html", status=answer.status, title=title, sentence=sentence, trace_id=tracing.current_trace_id()
    )
    response = Response(page, answer.status)
    for name, value in answer.headers:
        if name in {"Retry-After", "Allow"}:
            response.headers[name] = value
    if isinstance(error, HTTPException) and error.code == 308 and error.response:
        return Response(status=308, headers={"Location": error.response.headers["Location"]})
    return response


def _finish(response: Response) -> Response:
    for name, value in _ALWAYS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Content-Security-Policy", _policy())
    response.headers.setdefault("Cache-Control", "no-store")
    if request.url_rule:
        request.environ[_ROUTE] = request.url_rule.rule
    return response


def _policy() -> str:
    """Nothing from elsewhere, nothing inline without this answer's nonce. Forms may end at the identity provider."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'nonce-{nonce()}'",
            f"style-src 'nonce-{nonce()}'",
            " ".join(("img-src 'self' data:", *branding.logo_origins())),
            "font-src 'self'",
            "connect-src 'self'",
            f"form-action 'self' {runtime().identity_origin}",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


def _for_templates(frontend: Frontend) -> dict[str, Any]:
    return {
        "asset": frontend.address,
        "icon": frontend.icon,
        "nonce": nonce(),
        "visitor": visitor(),
        "brand": branding.shown(),
        "menu": menu.entries(visitor().roles),
        "role_names": menu.ROLE_NAMES,
        "language": languages.language(),
        "languages": languages.languages(),
        "request_key": lambda: secrets.token_urlsafe(16),
        "with_cursor": lambda query, cursor: urlencode({**query, "cursor": cursor}),
        "here": request.full_path.rstrip("?") if request.method == "GET" else request.path,
    }


def _without(query: str, name: str) -> str:
    """A query string without one of its names."""
    return urlencode([(one, text) for one, text in parse_qsl(query) if one != name])


def _country(code: str) -> str:
    return str(get_locale().territories.get(code, code))


def _day(moment: str) -> str:
    try:
        return str(format_date(datetime.fromisoformat(moment), "long"))
    except ValueError:
        return moment


def _moment(moment: str, timezone: str = "UTC") -> str:
    """A moment in the zone of the session, with the zone's short name."""
    try:
        there = datetime.fromisoformat(moment).astimezone(ZoneInfo(timezone))
    except (ValueError, TypeError, ZoneInfoNotFoundError):
        return moment
    return f"{format_date(there.date(), 'medium')}, {there:%H:%M} {there.tzname()}"


def origin_of(url: str) -> str:
    """Scheme, host and port of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
