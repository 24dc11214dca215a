"""The WSGI application of a service: its doors, health, OpenAPI, and what every answer carries."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from flask import Flask, Response, request
from werkzeug.exceptions import MethodNotAllowed as WerkzeugMethodNotAllowed
from werkzeug.exceptions import NotFound as WerkzeugNotFound

from shared.auth.verify import TokenVerifier
from shared.errors import NotYetKnown, forget_frames
from shared.health import Ready, report
from shared.http.cors import Origins, answer_headers, preflight_headers
from shared.http.cursors import Cursors
from shared.http.door import Door
from shared.http.endpoint import Kit, make_endpoint
from shared.http.openapi import describe
from shared.http.passage import KEY, Passage, passage_of
from shared.http.problems import MethodNotAllowed, Translate, answer_for
from shared.http.ratelimit import RateLimit
from shared.http.reads import Note
from shared.http.render import to_json
from shared.http.response import to_response
from shared.http.route import Route
from shared.http.settings import HttpSettings
from shared.http.span import serve_within_span
from shared.storage.patience import Patience
from shared.storage.writes import Answer, Writes

_ALWAYS: Final = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-site"),
)


Dialect = Callable[[Answer], Answer]
"""Tells a problem in the form that another standard wants."""


class ServiceApp(Flask):
    """Flask without sessions and hooks: what each request needs stands in `wsgi_app` and `process_response`."""

    def __init__(
        self, service: str, *, origins: Origins | None, translate: Translate | None, dialects: Mapping[str, Dialect]
    ) -> None:
        super().__init__(service, static_folder=None)
        self.doors: tuple[Door, ...] = ()
        self._origins = origins
        self._translate = translate
        self._dialects = dialects
        self.url_map.strict_slashes = True
        self.url_map.merge_slashes = False
        self.url_map.redirect_defaults = False
        self.register_error_handler(Exception, self._tell)

    def wsgi_app(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Answer within a span, and count it."""
        passage = environ[KEY] = Passage()

        def begun(trace_id: str) -> None:
            passage.trace_id = trace_id

        return serve_within_span(
            environ,
            start_response,
            super().wsgi_app,
            begun=begun,
            rule=lambda: passage.route.path if passage.route else "none",
            headers=lambda: (*_ALWAYS, *(passage.allowance.headers() if passage.allowance else ())),
        )

    def full_dispatch_request(self) -> Response:
        """Flask's own, without signals and before-request hooks: nobody listens."""
        try:
            answer = self.make_response(self.dispatch_request())
        except Exception as error:  # noqa: BLE001 (this is the one place that answers all of them)
            answer = self.make_response(self.handle_user_exception(error))
            forget_frames(error)
        return self.process_response(answer)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Our views are plain functions; asking each time costs."""
        return func

    def make_default_options_response(self) -> Response:
        """A preflight, or the question which methods there are."""
        methods = self._methods()
        response = Response(status=204, headers={"Allow": ", ".join(sorted(methods))})
        origin = request.headers.get("Origin")
        if origin and self._origins and "Access-Control-Request-Method" in request.headers:
            response.vary.add("Origin")
            if self._origins(None, origin):
                response.headers.update(preflight_headers(origin, methods))
        return response

    def process_response(self, response: Response) -> Response:
        """No session, no hooks; what every answer carries is added last, in `wsgi_app`."""
        if self._origins:
            self._allow_origin(response, passage_of(request))
        return response

    def _allow_origin(self, response: Response, passage: Passage) -> None:
        response.vary.add("Origin")
        origin = request.headers.get("Origin")
        if origin is None or request.method == "OPTIONS" or self._origins is None:
            return
        if self._origins(passage.caller.cluster_id if passage.caller else None, origin):
            response.headers.update(answer_headers(origin))

    def _tell(self, error: Exception) -> Response:
        if isinstance(error, WerkzeugMethodNotAllowed):
            error = MethodNotAllowed(request.method, self._methods())
        elif isinstance(error, WerkzeugNotFound):
            error = WerkzeugNotFound()
        answer = answer_for(error, self._translate)
        for address, speak in self._dialects.items():
            if request.path.startswith(address):
                answer = speak(answer)
        return to_response(answer)

    def handle_exception(self, error: Exception) -> Response:
        """An error while answering an error, or in Flask itself."""
        return self._tell(error)

    def _methods(self) -> set[str]:
        adapter = self.create_url_adapter(request)
        if adapter is None:
            return set()
        views = {method: self.view_functions[adapter.match(method=method)[0]] for method in adapter.allowed_methods()}
        return {method for method, view in views.items() if view is not _refuse}


def make_app(
    doors: Door | Iterable[Door],
    *,
    service: str,
    verifier: TokenVerifier,
    writes: Writes | None,
    settings: HttpSettings,
    ready: Ready,
    origins: Origins | None = None,
    translate: Translate | None = None,
    may_come: Callable[[NotYetKnown], bool] = lambda _error: True,
    gone: Callable[[], bool] = lambda: False,
    note: Note | None = None,
    dialects: Mapping[str, Dialect] | None = None,
) -> ServiceApp:
    """Join a service's doors to an application.

    `translate` makes a ServiceError of an error of the storage (None: not one of its). `origins` says which browser
    origins a cluster allows. `may_come` says whether what is not known here yet may still come (503), or was never there
    (404). `gone` says whether the database is away, rather than slow: reads do not wait for it
    then. `note` writes down who reads personal data. `dialects` tell problems in another form below an address.
    """
    app = ServiceApp(service, origins=origins, translate=translate, dialects=dialects or {})
    app.doors = (doors,) if isinstance(doors, Door) else tuple(doors)
    kit = Kit(
        verifier=verifier,
        writes=writes,
        cursors=Cursors(settings.cursor_secret.encode()),
        clients=RateLimit(settings.requests_per_second),
        strangers=RateLimit(settings.anonymous_requests_per_second),
        trusted_proxies=settings.trusted_proxies,
        may_come=may_come,
        patience=Patience(gone, settings.request_seconds),
        note=note,
    )
    routes = [route for door in app.doors for route in door]
    for route in routes:
        endpoint = f"{route.method} {route.path}"
        app.add_url_rule(route.path, endpoint, make_endpoint(route, kit), methods=[route.method])
    _add_refusals(app, routes)
    add_health(app, ready)
    _add_document(app, service, to_json(describe(service, routes, settings.public_url)))
    return app


def _add_refusals(app: Flask, routes: list[Route]) -> None:
    """A path with a name of its own has no other methods than its own, though `/people/<id>` would match
    `/people/names`, too."""
    methods: dict[str, set[str]] = {}
    for route in routes:
        methods.setdefault(route.path, set()).add(route.method)
    for path, own in methods.items():
        if "<" not in path and (others := _methods_of_patterns(path, methods) - own):
            app.add_url_rule(path, f"not {path}", _refuse, methods=sorted(others), provide_automatic_options=False)


def _methods_of_patterns(path: str, methods: Mapping[str, set[str]]) -> set[str]:
    matching = [other for other in methods if "<" in other and re.fullmatch(_PARAMETER.sub("[^/]+", other), path)]
    return {method for other in matching for method in methods[other]}


def add_health(app: Flask, ready: Ready) -> None:
    """Add the routes that say whether the process lives and whether it may be given work."""

    def live() -> Response:
        return to_response(Answer(200, b'{"status":"live"}'))

    def is_ready() -> Response:
        ok, body = report(ready())
        return to_response(Answer(200 if ok else 503, to_json(body), () if ok else (("Retry-After", "1"),)))

    app.add_url_rule("/health/live", "live", public(live))
    app.add_url_rule("/health/ready", "ready", public(is_ready))


def _add_document(app: Flask, service: str, document: bytes) -> None:
    def openapi() -> Response:
        return to_response(Answer(200, document, (("Cache-Control", "max-age=300"),)))

    app.add_url_rule("/openapi.json", "openapi", public(openapi))
    app.add_url_rule(f"/v1/{service}/openapi.json", "service openapi", public(openapi))


def public(view: Callable[..., Response]) -> Callable[..., Response]:
    """Mark a view that is no door's route as meant for everybody."""
    view.public = True  # type: ignore[attr-defined]
    return view


@public
def _refuse() -> Response:
    raise WerkzeugMethodNotAllowed


_PARAMETER: Final = re.compile(r"<[^>]+>")
