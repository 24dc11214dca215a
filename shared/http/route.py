"""One route as it was declared. Everything that can be made once is made here, nothing per request."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from inspect import getdoc
from typing import Any, Final, Literal

from marshmallow import Schema, fields, validate

from shared.http.call import JSON, Reply
from shared.http.limits import JsonLimits
from shared.http.parsing import harden
from shared.http.render import Dump, compile_dump
from shared.http.scopes import PUBLIC, SCOPES
from shared.storage.work import Hint

View = Callable[..., Reply]
SchemaLike = Schema | type[Schema]
IfMatch = Literal["required", "honoured"] | None
Hints = Callable[..., Iterable[Hint]]
Unkept = Callable[..., Mapping[str, Any]]

MIB: Final = 1024 * 1024
MULTIPART: Final = "multipart/form-data"
_WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class NoFields(Schema):
    """Takes nothing: the body or query of a route that declares none."""


class Paging(Schema):
    """What every list takes."""

    limit = fields.Integer(
        load_default=50, validate=validate.Range(1, 500), metadata={"description": "How many items at most"}
    )
    cursor = fields.String(
        load_default=None,
        validate=validate.Length(1, 2_000),
        metadata={"description": "`next` of the last page: go on from there"},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A method and a path with what may come in, what goes out, and who may."""

    method: str
    path: str
    view: View
    scopes: tuple[str, ...]
    body: Schema | None
    form: Schema | None
    query: Schema
    returns: Schema | None
    dump: Dump | None
    status: int
    summary: str
    description: str
    tells: Schema | None
    tag: str
    paged: bool
    plain: bool
    if_match: IfMatch
    accepts: tuple[str, ...]
    produces: tuple[str, ...]
    max_body: int
    limits: JsonLimits
    hints: Hints | None
    unkept: Unkept | None
    errors: tuple[int, ...]
    personal: str | None
    takes_key: bool = field(default=False)

    @property
    def public(self) -> bool:
        """Whether no token is needed."""
        return self.scopes == (PUBLIC,)

    @property
    def writes(self) -> bool:
        """Whether the view gets a unit of work."""
        return self.method in _WRITES and not self.plain

    @property
    def name(self) -> str:
        """The name of the endpoint, and its operationId."""
        return self.view.__name__


def make_route(
    method: str,
    path: str,
    view: View,
    *,
    tag: str,
    scope: str | tuple[str, ...],
    body: SchemaLike | None = None,
    query: SchemaLike | None = None,
    returns: SchemaLike | None = None,
    status: int | None = None,
    summary: str | None = None,
    paged: bool = False,
    tells: SchemaLike | None = None,
    plain: bool = False,
    if_match: IfMatch = None,
    accepts: tuple[str, ...] = (JSON,),
    produces: tuple[str, ...] = (JSON,),
    max_body: int = MIB,
    limits: JsonLimits | None = None,
    hints: Hints | None = None,
    unkept: Unkept | None = None,
    errors: tuple[int, ...] = (),
    personal: str | None = None,
) -> Route:
    """Check a declaration and make what each request of it will need."""
    returned = _instance(returns)
    return Route(
        method=method,
        path=path,
        view=view,
        scopes=_scopes(scope, method, path),
        body=_body(method, body, accepts),
        form=harden(_instance(body) or NoFields(), json=False) if MULTIPART in accepts else None,
        query=_query(query, paged),
        returns=returned,
        dump=compile_dump(returned) if returned else None,
        status=status or (201 if method == "POST" and returned is not None else 200),
        summary=summary or view.__name__.replace("_", " ").capitalize(),
        description=getdoc(view) or "",
        tells=_instance(tells),
        tag=tag,
        paged=paged,
        plain=plain,
        if_match="required" if method == "PATCH" and if_match is None else if_match,
        accepts=accepts,
        produces=produces,
        max_body=max_body,
        limits=limits or JsonLimits(),
        hints=hints,
        unkept=unkept,
        errors=errors,
        personal=personal,
        takes_key=method in _WRITES,
    )


def _scopes(scope: str | tuple[str, ...], method: str, path: str) -> tuple[str, ...]:
    """Any one of these is enough. A misspelt scope must not wait for the first caller to be noticed."""
    scopes = (scope,) if isinstance(scope, str) else scope
    unknown = [name for name in scopes if name not in SCOPES and name != PUBLIC]
    if unknown or not scopes or (PUBLIC in scopes and len(scopes) > 1):
        raise ValueError(f"{method} {path}: {scope!r} is neither a scope nor public")
    return scopes


def _body(method: str, body: SchemaLike | None, accepts: tuple[str, ...]) -> Schema | None:
    """A route that reads JSON or a form has a schema, an empty one if need be; one that reads other bytes has none."""
    if method not in _WRITES:
        return None
    if body is None and not set(accepts) & {JSON, MULTIPART}:
        return None
    return harden(_instance(body) or NoFields(), json=True)


def _query(query: SchemaLike | None, paged: bool) -> Schema:
    made = _instance(query)
    if not paged:
        return harden(made or NoFields(), json=False)
    if made is None:
        return Paging()
    both = type(f"{type(made).__name__}Page", (type(made), Paging), {})
    combined: Schema = both()
    return harden(combined, json=False)


def _instance(schema: SchemaLike | None) -> Schema | None:
    return schema() if isinstance(schema, type) else schema
