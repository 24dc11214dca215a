"""OpenAPI 3.1, made from the declared routes by apispec."""

import re
from collections.abc import Iterable, Iterator, Mapping
from inspect import getdoc
from typing import Any, Final

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import Schema

from shared.http.call import JSON, is_json
from shared.http.fields import Violation
from shared.http.limits import LARGEST_INTEGER
from shared.http.models import describe_fields, name_models, operations
from shared.http.problems import PROBLEM, TITLES
from shared.http.route import MULTIPART, NoFields, Route
from shared.http.scopes import SCOPES

_PARAMETER: Final = re.compile(r"<(?:[a-z]+:)?([a-z_0-9]+)>")
# What the door refuses in any text; said here so that generated clients and tests know it.
_NO_CONTROL: Final = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]*$"
_PATH_TEXT: Final = r"^[^\u0000-\u001f\u007f\ufffd/]+$"


def _text(description: str, example: str) -> dict[str, Any]:
    return {"type": "string", "description": description, "examples": [example]}


_PROBLEM_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "description": "Why a request was refused (RFC 9457)",
    "required": ["type", "title", "status", "detail", "code", "trace_id"],
    "properties": {
        "type": {
            "type": "string",
            "description": "Names the kind of problem",
            "examples": ["urn:clusterskills:problem:not-found"],
        },
        "title": _text("The kind of problem, for a person", "Not found"),
        "status": {"type": "integer", "description": "The status of the answer", "examples": [404]},
        "detail": _text("A sentence for a person", "No course 4711."),
        "code": _text("A word for a machine", "NOT_FOUND"),
        "trace_id": _text("Names this request in our logs", "4bf92f3577b34da6a3ce929d0e0e4736"),
        "violations": {
            "type": "array",
            "items": {"$ref": "#/components/schemas/Violation"},
            "description": "All that is wrong, each by its field",
        },
    },
}


def describe(service: str, routes: Iterable[Route], public_url: str) -> dict[str, Any]:
    """The document of one service."""
    spec = APISpec(
        title=f"ClusterSkills {service}",
        version="1",
        openapi_version="3.1.0",
        plugins=[plugin := _Plugin(schema_name_resolver=_schema_name)],
        servers=[{"url": public_url, "description": "This installation"}],
    )
    spec.components.schema("Violation", schema=Violation)
    spec.components.schema("Problem", _PROBLEM_SCHEMA)
    spec.components.security_scheme(
        "bearer",
        {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "Access token of the realm. Scopes: " + "; ".join(f"`{n}` {w}" for n, w in SCOPES.items()),
        },
    )
    for status, title in TITLES.items():
        spec.components.response(f"Problem{status}", _problem_response(status, title))
    for route in routes:
        if route.paged:
            _add_page(spec, plugin.converter, route)
        spec.path(_PARAMETER.sub(r"{\1}", route.path), operations={route.method.lower(): _operation(route)})
    document: dict[str, Any] = spec.to_dict()
    for operation in operations(document):
        _tighten_operation(document, operation)
    name_models(document)
    describe_fields(document)
    return document


def merge(documents: Iterable[Mapping[str, Any]], title: str = "ClusterSkills") -> dict[str, Any]:
    """Several services' documents as one. Equal parts are shared; two that differ under one name are refused."""
    joined: dict[str, Any] = {"openapi": "3.1.0", "info": {"title": title, "version": "1"}, "paths": {}}
    parts: dict[str, dict[str, Any]] = {}
    for document in documents:
        joined.setdefault("servers", document.get("servers", []))
        for path, item in document["paths"].items():
            if path in joined["paths"]:
                raise ValueError(f"two services serve {path}")
            joined["paths"][path] = item
        for kind, found in document.get("components", {}).items():
            _join_part(parts.setdefault(kind, {}), found, kind)
    return joined | {"components": parts}


def _join_part(joined: dict[str, Any], found: Mapping[str, Any], kind: str) -> None:
    for name, part in found.items():
        if joined.setdefault(name, part) != part:
            raise ValueError(f"two services give {kind} {name} a different shape")


class _Converter(OpenAPIConverter):
    """A model says what its schema's docstring says."""

    def schema2jsonschema(self, schema: Any) -> dict[str, Any]:
        model: dict[str, Any] = super().schema2jsonschema(schema)  # type: ignore[no-untyped-call]
        told = getdoc(schema if isinstance(schema, type) else type(schema)) or ""
        return model | {"description": " ".join(told.split())}


class _Plugin(MarshmallowPlugin):
    Converter = _Converter


def _operation_id(route: Route) -> str:
    """operationIds must differ also when several services' documents are joined: what every service has by the same
    name (jobs, reads of personal data, the operator's routes) carries the service's."""
    return f"{route.tag}_{route.name}" if route.path.startswith(f"/v1/{route.tag}/") else route.name


def _schema_name(schema: Any) -> str:
    cls = schema if isinstance(schema, type) else type(schema)
    return str(cls.__name__)


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(route),
        "summary": route.summary,
        "description": route.description,
        "tags": [route.tag],
        "parameters": list(_parameters(route)),
        "responses": _responses(route),
        # A token is never in the way: it is checked also where none is needed.
        "security": [{}, {"bearer": []}] if route.public else [{"bearer": []}],
    }
    if not route.public:
        operation["x-scopes"] = list(route.scopes)
    if body := _request_body(route):
        operation["requestBody"] = body
    return operation


def _parameters(route: Route) -> Iterator[dict[str, Any] | Schema]:
    for name in _PARAMETER.findall(route.path):
        schema = {"type": "string", "minLength": 1, "maxLength": 256, "pattern": _PATH_TEXT}
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    if not isinstance(route.query, NoFields):
        yield {"in": "query", "schema": route.query}  # apispec makes one parameter of each field
    if route.takes_key:
        yield _header("Idempotency-Key", "Repeat safely: the same key gets the same answer", r"^[\x21-\x7e]{1,255}$")
    if route.if_match:
        required = route.if_match == "required"
        pattern = r'^"(0|[1-9][0-9]{0,14})(-gzip|-zstd)?"$'
        yield _header("If-Match", "The ETag of the version that you saw", pattern, required=required) | {
            "example": '"1"'
        }
    if not route.public:
        yield _header(
            "Acting-Organisation", "Which of the token's organisations this request is for", r"^[\x21-\x7e]+$"
        )


def _header(name: str, description: str, pattern: str, *, required: bool = False) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": required,
        "description": description,
        "schema": {"type": "string", "pattern": pattern},
    }


def _request_body(route: Route) -> dict[str, Any] | None:
    if route.method == "GET":
        return None
    if route.body is None:
        return {"required": True, "content": {media_type: {"schema": {}} for media_type in route.accepts}}
    if isinstance(route.body, NoFields):
        return None
    required = route.body.many or any(field.required for field in route.body.load_fields.values())
    content: dict[str, Any] = {
        kind: {"schema": route.body if is_json(kind) or kind == MULTIPART else {}}  # other bytes have no fields
        for kind in route.accepts
    }
    return {"required": required, "content": content}


def _responses(route: Route) -> dict[str, Any]:
    responses: dict[str, Any] = {str(route.status): _success(route)}
    if route.method == "PUT":
        responses["201"] = _success(route)  # what the path names was not there yet
    for status in sorted(_possible_problems(route)):
        responses[str(status)] = f"Problem{status}"
    if route.method == "GET" and not route.paged:
        responses["304"] = {"description": "You have this version (If-None-Match)"}
    return responses


def _success(route: Route) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for media_type in route.produces:
        content[media_type] = {"schema": _success_schema(route) if media_type == JSON else _bytes(media_type)}
    response: dict[str, Any] = {"description": "Done" if route.method != "GET" else "Here it is"}
    headers = {"Trace-Id": {"schema": {"type": "string"}}}
    if route.status != 204:
        response["content"] = content
    return response | {"headers": headers}


def _bytes(media_type: str) -> dict[str, Any]:
    return {} if is_json(media_type) else {"type": "string", "format": "binary"}


def _success_schema(route: Route) -> Any:
    return {"$ref": f"#/components/schemas/{_page_name(route)}"} if route.paged else route.returns or {}


def _page_name(route: Route) -> str:
    return f"{_schema_name(route.returns).removesuffix('View')}Page"


def _add_page(spec: APISpec, converter: Any, route: Route) -> None:
    """The model of a list, once for each kind of item."""
    name = _page_name(route)
    if route.returns is None or name in spec.components.schemas:
        return
    item: Any = converter.resolve_nested_schema(route.returns)
    told = converter.schema2jsonschema(route.tells)["properties"] if route.tells else {}
    properties = {
        "items": {"type": "array", "items": item, "description": "This page of the list"},
        "next": {"type": ["string", "null"], "description": "The cursor of the next page; null on the last"},
    }
    page = {"type": "object", "required": ["items", "next"], "properties": {**properties, **told}}
    spec.components.schema(name, {**page, "description": "A part of a list."})


def _possible_problems(route: Route) -> set[int]:
    """What can happen to this route from the outside and what its declaration implies, beside `errors=`."""
    problems = {400, 401, 414, 422, 429, 500, 503, *route.errors}
    if not route.public:
        problems |= {403}
    if "<" in route.path:
        problems |= {404}
    if route.method != "GET":
        problems |= {403, 404, 408, 409, 413, 415}
    if route.if_match:
        problems |= {412, 428}
    return problems


def _problem_response(status: int, title: str) -> dict[str, Any]:
    response: dict[str, Any] = {"description": title, "content": {PROBLEM: {"schema": "Problem"}}}
    if status in {429, 503}:
        response["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds"}}
    return response


def _tighten_operation(document: dict[str, Any], operation: dict[str, Any]) -> None:
    """Say of what comes in all that the door refuses in general: control characters, unknown fields, huge integers."""
    seen: set[str] = set()
    for parameter in operation["parameters"]:
        _tighten(document, parameter["schema"], seen)
    for media in operation.get("requestBody", {}).get("content", {}).values():
        _tighten(document, media["schema"], seen)


def _tighten(document: dict[str, Any], schema: Any, seen: set[str]) -> None:
    if isinstance(schema, list):
        for part in schema:
            _tighten(document, part, seen)
    if not isinstance(schema, dict):
        return
    if reference := schema.get("$ref"):
        name = reference.rpartition("/")[2]
        if name not in seen:
            seen.add(name)
            _tighten(document, document["components"]["schemas"][name], seen)
        return
    _tighten_one(schema)
    for key in ("items", "additionalProperties", "allOf", "anyOf", "oneOf"):
        _tighten(document, schema.get(key), seen)
    for part in schema.get("properties", {}).values():
        _tighten(document, part, seen)


def _tighten_one(schema: dict[str, Any]) -> None:
    kinds = schema.get("type", ())
    kinds = {kinds} if isinstance(kinds, str) else set(kinds)
    if "string" in kinds and not schema.keys() & {"enum", "format", "pattern"}:
        schema["pattern"] = _NO_CONTROL
    if "integer" in kinds and "enum" not in schema:
        schema.setdefault("minimum", -LARGEST_INTEGER)
        schema.setdefault("maximum", LARGEST_INTEGER)
    if "object" in kinds and "properties" in schema:
        schema.setdefault("additionalProperties", False)
