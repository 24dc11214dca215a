"""The HTTP door of a service: its routes, each with a declared scope or the word public."""

from collections.abc import Iterator
from typing import Protocol, TypedDict, TypeVar, Unpack

from shared.auth.caller import Caller
from shared.http.call import Call, Page, Reply, Upload
from shared.http.limits import JsonLimits
from shared.http.route import Hints, IfMatch, Route, SchemaLike, Unkept, View, make_route
from shared.http.scopes import PUBLIC

__all__ = ["PUBLIC", "Call", "Caller", "Door", "Page", "Reply", "Upload"]

V = TypeVar("V", bound=View)


class Register(Protocol):
    """Takes a view and gives it back unchanged."""

    def __call__(self, view: V) -> V: ...


class Options(TypedDict, total=False):
    """What a route may say beside its path and scope; see `Door`."""

    body: SchemaLike | None
    query: SchemaLike | None
    returns: SchemaLike | None
    status: int
    summary: str
    paged: bool
    tells: SchemaLike | None
    plain: bool
    if_match: IfMatch
    accepts: tuple[str, ...]
    produces: tuple[str, ...]
    max_body: int
    limits: JsonLimits
    hints: Hints
    unkept: Unkept
    errors: tuple[int, ...]
    personal: str | None


class Door:
    """Collects routes: `@door.post("/v1/courses", scope="catalog:write", body=CourseBody, returns=CourseView)`.

    A view is `view(call: Call, **path_params) -> Reply`. Options of a route, beside `scope` (one, or several of which
    any will do):

    - `body`, `query`, `returns`: marshmallow schemas; what they do not name is refused by name. `status` of success.
    - `paged`: a list; `call.limit`, `call.after` and `call.page(items, after=...)`; `returns` is one item's schema,
      `tells` that of what the list tells beside its items.
    - `summary`: a few words, else the view's name; the view's docstring describes the operation (for OpenAPI).
    - `if_match`: "required" (428 without; PATCH has it of itself) or "honoured"; the view compares `call.if_match`.
    - `plain`: a POST that opens no unit of work.
    - `hints`: from the call and path params to what it will read, so that a group loads it in one go.
    - `unkept`: from the answer's body and path params to fields that every answer tells, a replayed one too, and that
      are never kept under an Idempotency-Key: secrets.
    - `accepts`, `produces`: media types beside JSON. Multipart: `call.files`; other bytes: `call.raw`, `call.media_type`.
    - `max_body`, `limits`: bytes, and depth, string and list length of JSON, where the route needs more than usual.
    - `personal`: the field of each item that names the person whose data it holds; who reads it is noted with the read.
    - `errors`: statuses that this view answers beyond those that follow from the rest (for OpenAPI).
    """

    def __init__(self, service: str) -> None:
        self.service = service
        self._routes: list[Route] = []

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def get(self, path: str, *, scope: str | tuple[str, ...], **options: Unpack[Options]) -> Register:
        """Declare a view that reads."""
        return self._register("GET", path, scope, options)

    def post(self, path: str, *, scope: str | tuple[str, ...], **options: Unpack[Options]) -> Register:
        """Declare a view that makes or does something."""
        return self._register("POST", path, scope, options)

    def put(self, path: str, *, scope: str | tuple[str, ...], **options: Unpack[Options]) -> Register:
        """Declare a view that makes or replaces what the path names."""
        return self._register("PUT", path, scope, options)

    def patch(self, path: str, *, scope: str | tuple[str, ...], **options: Unpack[Options]) -> Register:
        """Declare a view that changes a version the caller has seen."""
        return self._register("PATCH", path, scope, options)

    def delete(self, path: str, *, scope: str | tuple[str, ...], **options: Unpack[Options]) -> Register:
        """Declare a view that takes something away."""
        return self._register("DELETE", path, scope, options)

    def _register(self, method: str, path: str, scope: str | tuple[str, ...], options: Options) -> Register:
        def register(view: V) -> V:
            self._routes.append(make_route(method, path, view, tag=self.service, scope=scope, **options))
            return view

        return register
