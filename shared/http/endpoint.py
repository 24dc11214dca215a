"""One route's way: who is it, may they, what do they say, do it, answer.

The order is the order of refusals: 401, 429, 403, 415 and 413, 400, 412 and 428, then 422 with everything that is
wrong at once.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson
from flask import Request, Response, request
from marshmallow import Schema
from werkzeug.urls import iri_to_uri

from shared.auth.caller import Caller
from shared.auth.verify import TokenVerifier, acting_for
from shared.errors import (
    Forbidden,
    Invalid,
    NotFound,
    NotYetKnown,
    PreconditionRequired,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    Violation,
)
from shared.http import idempotency
from shared.http.call import Call, Page, Reply, Upload, is_json
from shared.http.cursors import Cursors, Feed, scope_of
from shared.http.etags import etag_of, none_match, read_if_match
from shared.http.parsing import (
    check_address,
    check_media_type,
    check_path,
    parse_form,
    parse_json_body,
    parse_query,
    read_body,
)
from shared.http.passage import Passage, passage_of
from shared.http.problems import Malformed
from shared.http.ratelimit import RateLimit, address_of
from shared.http.reads import Note, people_in
from shared.http.render import to_json
from shared.http.response import to_response
from shared.http.route import MULTIPART, Route, Unkept
from shared.storage.patience import Patience
from shared.storage.writes import Answer, IdempotencyKey, Write, Writes

ACTING: Final = "Acting-Organisation"
# How long a write waits for an aggregate whose event is on its way, and how many may wait at a time: the others must
# not find all threads asleep.
AWAIT_SECONDS: Final = 1.0
_WAITERS: Final = threading.BoundedSemaphore(4)


@dataclass(frozen=True, slots=True)
class Kit:
    """What all routes of an app share."""

    verifier: TokenVerifier
    writes: Writes | None
    cursors: Cursors
    clients: RateLimit
    strangers: RateLimit
    trusted_proxies: int
    may_come: Callable[[NotYetKnown], bool]
    patience: Patience
    note: Note | None = None


@dataclass(frozen=True, slots=True)
class _Content:
    """What came in, checked."""

    body: Any = None
    raw: bytes = b""
    media_type: str = ""
    files: dict[str, Upload] | None = None


def make_endpoint(route: Route, kit: Kit) -> Callable[..., Response]:
    """The function that Flask calls for this route."""

    def endpoint(**ids: str) -> Response:
        try:
            return respond(ids)
        except NotYetKnown as error:
            if kit.may_come(error):
                raise
            raise error.otherwise or NotFound(f"No {error.topic} {error.key}.") from error

    def respond(ids: dict[str, str]) -> Response:
        now = request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 (the proxy costs at each use)
        passage = passage_of(now)
        passage.route = route
        check_path(ids)
        check_address(now.path, now.query_string)
        client = _admit(now, route, kit, passage)
        call, key = _read(now, route, kit, passage, client)
        answer = _run(route, kit, call, key, ids)
        return _respond(answer if route.unkept is None else _told(route.unkept, answer, ids), now)

    return endpoint


def _admit(now: Request, route: Route, kit: Kit, passage: Passage) -> str:
    """Who is it (a token must be good even where none is needed), is there allowance left, is there the scope."""
    environ = now.environ
    try:
        caller = _identify(environ.get("HTTP_AUTHORIZATION"), environ.get("HTTP_ACTING_ORGANISATION"), kit.verifier)
    except (Unauthenticated, Unavailable):
        _count(kit.strangers, _address(environ, kit), passage)
        raise
    passage.caller = caller
    if caller is None:
        address = _address(environ, kit)
        _count(kit.strangers, address, passage)
        if not route.public:
            raise Unauthenticated("This needs an access token: Authorization: Bearer ...")
        return address
    # People share their portal's client: the subject tells them apart.
    client = f"{caller.client_id}/{caller.subject}"
    _count(kit.clients, client, passage)
    if not route.public and caller.scopes.isdisjoint(route.scopes):
        raise _lacks(route)
    return client


def _address(environ: Mapping[str, str], kit: Kit) -> str:
    remote, forwarded = environ.get("REMOTE_ADDR", ""), environ.get("HTTP_X_FORWARDED_FOR")
    return f"address:{address_of(remote, forwarded, kit.trusted_proxies)}"


def _identify(authorization: str | None, organisation: str | None, verifier: TokenVerifier) -> Caller | None:
    if authorization is None:
        return None
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("Send the access token as: Authorization: Bearer ...", code="INVALID_TOKEN")
    caller = verifier.verify(token.strip())
    return caller if organisation is None else acting_for(caller, organisation)


def _count(limit: RateLimit, client: str, passage: Passage) -> None:
    passage.allowance = allowance = limit.take(client)
    if allowance.retry_after:
        raise TooManyRequests(
            f"More than {allowance.limit} requests a second; wait {allowance.retry_after} s.",
            retry_after=allowance.retry_after,
        )


def _lacks(route: Route) -> Forbidden:
    needed = " or ".join(route.scopes)
    violation = Violation(
        field="scope", code="INSUFFICIENT_SCOPE", message="The token lacks this scope.", required=list(route.scopes)
    )
    return Forbidden(f"This needs the scope {needed}.", code="INSUFFICIENT_SCOPE", violations=[violation])


def _read(now: Request, route: Route, kit: Kit, passage: Passage, client: str) -> tuple[Call, IdempotencyKey | None]:
    violations: list[Violation] = []
    content = _Content()
    key = None
    if route.method != "GET":
        content = _content(now, route, violations)
        if header := now.environ.get("HTTP_IDEMPOTENCY_KEY"):
            key = idempotency.read_key(header, client, route.method, _target(now), content.raw)
        elif header == "":
            raise Malformed("Idempotency-Key is empty.", code="MALFORMED_IDEMPOTENCY_KEY")
    if_match = _if_match(now, route)
    query, written = parse_query(now.query_string, route.query, violations)
    feed = _feed(now, query, written.to_dict(flat=False), kit, violations) if route.paged and query else None
    if violations:
        raise Invalid(_summary(violations), violations=violations)
    call = Call(
        caller=passage.caller,
        client=client,
        body=content.body,
        query=query,
        if_match=if_match,
        trace_id=passage.trace_id,
        wants=_wanted(now, route),
        raw=content.raw,
        media_type=content.media_type,
        files=content.files or {},
        feed=feed,
    )
    return call, key


def _content(now: Request, route: Route, violations: list[Violation]) -> _Content:
    raw = read_body(now, route.max_body)
    if not raw and route.body is not None and _may_be_empty(route.body):
        return _Content(parse_json_body(b"{}", route.body, route.limits, violations), raw)
    environ = now.environ
    media_type = check_media_type(
        environ.get("CONTENT_TYPE", ""), environ.get("HTTP_CONTENT_ENCODING", ""), route.accepts
    )
    if route.body is not None and is_json(media_type):
        return _Content(parse_json_body(raw, route.body, route.limits, violations), raw, media_type)
    if route.form is not None and media_type == MULTIPART:
        body, files = parse_form(now, route.form, violations)
        return _Content(body, raw, media_type, files)
    return _Content(None, raw, media_type)


def _may_be_empty(schema: Schema) -> bool:
    """An action such as `POST .../open` needs no body when none of its fields is required."""
    return not schema.many and not any(field.required for field in schema.load_fields.values())


def _if_match(now: Request, route: Route) -> int | None:
    if route.if_match is None:
        return None
    header = now.environ.get("HTTP_IF_MATCH")
    version = None if header is None else read_if_match(header)
    if version is None and route.if_match == "required":
        raise PreconditionRequired('Send If-Match with the ETag of the version that you saw, such as "3".')
    return version


def _feed(
    now: Request, query: dict[str, Any], written: dict[str, list[str]], kit: Kit, violations: list[Violation]
) -> Feed | None:
    cursor, limit = query.pop("cursor"), query.pop("limit")
    filters = {name: values for name, values in written.items() if name not in {"cursor", "limit"}}
    scope = scope_of(now.path, filters, passage_of(now).caller)
    try:
        return Feed(kit.cursors, scope, limit, None if cursor is None else kit.cursors.read(cursor, scope))
    except Invalid as error:
        violations.extend(error.violations)
        return None


def _wanted(now: Request, route: Route) -> str:
    """The best of what this route can answer; whoever accepts none of it gets the first."""
    if len(route.produces) == 1 or "HTTP_ACCEPT" not in now.environ:
        return route.produces[0]
    return now.accept_mimetypes.best_match(route.produces, route.produces[0]) or route.produces[0]


def _run(route: Route, kit: Kit, call: Call, key: IdempotencyKey | None, ids: dict[str, str]) -> Answer:
    if not route.writes:
        return _read_only(route, kit, call, ids)
    writes = kit.writes
    if writes is None:
        raise RuntimeError(f"{route.name} writes, but the app was made without writes")

    def act(work: Any) -> Answer:
        return _answer(route, route.view(call.within(work), **ids))

    hints = route.hints
    write = Write(act, key, None if hints is None else lambda work: hints(call.within(work), **ids))
    try:
        return writes.run(write)
    except NotYetKnown as error:
        return _run_when_known(writes, write, error)


def _read_only(route: Route, kit: Kit, call: Call, ids: dict[str, str]) -> Answer:
    def read() -> Answer:
        reply = route.view(call, **ids)
        if route.personal is not None:
            _note(route, kit, call, people_in(reply.body, route.personal))
        return _answer(route, reply)

    # A POST that writes nothing may ask others over HTTP, which takes its own time.
    return kit.patience.repeat(read) if route.method == "GET" else read()


def _note(route: Route, kit: Kit, call: Call, person_ids: Iterable[str]) -> None:
    """Who reads whose personal data: without the note there is no answer."""
    if kit.note is None:
        raise RuntimeError(f"{route.name} shows personal data, but the app was made without a list of who reads it")
    kit.note(call.who, f"{route.method} {route.path}", route.scopes, person_ids)


def _run_when_known(writes: Writes, write: Write, error: NotYetKnown) -> Answer:
    """Reading your own write across services: the event is most likely a few milliseconds away."""
    if not _WAITERS.acquire(blocking=False):
        raise error
    try:
        until, pause = time.monotonic() + AWAIT_SECONDS, 0.01
        while time.monotonic() + pause < until:
            time.sleep(pause)
            try:
                return writes.run(write)
            except NotYetKnown as again:
                error, pause = again, min(pause * 1.5, 0.1)
        raise error
    finally:
        _WAITERS.release()


def _answer(route: Route, reply: Reply) -> Answer:
    """The reply as bytes. In a write this happens inside of it: what is answered is what is kept."""
    headers = list(reply.headers.items())
    if reply.version is not None:
        headers.append(("ETag", etag_of(reply.version)))
    if reply.location is not None:
        headers.append(("Location", reply.location if reply.location.isascii() else iri_to_uri(reply.location)))
    if reply.media_type is not None:
        headers.append(("Content-Type", reply.media_type))
    return Answer(reply.status or route.status, _body(route, reply.body), tuple(headers))


def _told(unkept: Unkept, answer: Answer, ids: dict[str, str]) -> Answer:
    """The answer with what must not be kept, made anew each time."""
    body = orjson.loads(answer.body)
    return replace(answer, body=to_json({**body, **unkept(body, **ids)}))


def _body(route: Route, body: Any) -> bytes:
    if body is None or isinstance(body, bytes):
        return body or b""
    if isinstance(body, Page):
        items = [route.dump(item) for item in body.items] if route.dump else body.items
        return to_json({"items": items, "next": body.next, **body.extra})
    return to_json(route.dump(body) if route.dump else body)


def _respond(answer: Answer, now: Request) -> Response:
    seen = now.environ.get("HTTP_IF_NONE_MATCH")
    if seen and answer.status == 200 and now.method in {"GET", "HEAD"}:
        etag = next((value for name, value in answer.headers if name == "ETag"), None)
        if etag and none_match(seen, etag):
            return to_response(Answer(304, b"", answer.headers))
    return to_response(answer)


def _target(now: Request) -> str:
    query = now.query_string.decode("latin-1")
    acting = now.environ.get("HTTP_ACTING_ORGANISATION", "")
    return f"{now.path}?{query}#{acting}"


def _summary(violations: list[Violation]) -> str:
    """One sentence for a person; the whole stands in the violations."""
    count = len(violations)
    first = violations[0]
    where = f" ({first.field})" if first.field else ""
    return f"{count} rules are broken; the first: {first.message}{where}" if count > 1 else f"{first.message}{where}"
