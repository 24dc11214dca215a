"""OpenAPI 3.1, made from the declared routes by apispec."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema

from shared.http.call import JSON, is_json
from shared.http.limits import LARGEST_INTEGER
from shared.http.problems import PROBLEM, TITLES
from shared.http.route import MULTIPART, NoFields, Route
from shared.http.scopes import SCOPES

_PARAMETER: Final = re.compile(r"<(?:[a-z]+:)?([a-z_0-9]+)>")
# What the door refuses in any text; said here so that generated clients and tests know it.
_NO_CONTROL: Final = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]*$"
_PATH_TEXT: Final = r"^[^\u0000-\u001f\u007f\ufffd/]+$"

_PROBLEM_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "description": "RFC 9457",
    "required": ["type", "title", "status", "detail", "code", "trace_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "A sentence for a person"},
        "code": {"type": "string", "description": "A word for a machine"},
        "trace_id": {"type": "string", "description": "Names this request in our logs"},
        "violations": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "message"],
                "properties": {
                    "field": {"type": "string", "examples": ["outcomes.0.title"]},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                    "actual": {"description": "What was given"},
                    "required": {"description": "What is taken"},
                    "row": {"type": "integer", "description": "Of an import"},
                },
            },
        },
    },
}


def describe(service: str, routes: Iterable[Route], public_url: str) -> dict[str, Any]:
    """The document of one service."""
    spec = APISpec(
        title=f"ClusterSkills {service}",
        version="1",
        openapi_version="3.1.0",
        plugins=[MarshmallowPlugin(schema_name_resolver=_schema_name)],
        servers=[{"url": public_url}],
    )
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
    names = _OperationNames()
    for route in routes:
        spec.path(_PARAMETER.sub(r"{\1}", route.path), operations={route.method.lower(): _operation(route, names)})
    document: dict[str, Any] = spec.to_dict()
    for operation in _operations(document):
        _tighten_operation(document, operation)
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


class _OperationNames:
    """operationIds must differ, also when several services' documents are joined: what every service has by the same
    name (the operator's routes) carries the service's."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def of(self, route: Route) -> str:
        name = f"{route.tag}_{route.name}" if "/operations/" in route.path else route.name
        count = self._seen[name] = self._seen.get(name, 0) + 1
        return name if count == 1 else f"{name}_{count}"


def _schema_name(schema: Any) -> str:
    cls = schema if isinstance(schema, type) else type(schema)
    return str(cls.__name__)


def _operation(route: Route, names: _OperationNames) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": names.of(route),
        "summary": route.summary,
        "tags": [route.tag],
        "parameters": list(_parameters(route)),
        "responses": _responses(route),
        # A token is never in the way: it is checked also where none is needed.
        "security": [{}, {"bearer": []}] if route.public else [{"bearer": []}],
    }
    if route.description:
        operation["description"] = route.description
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
        pattern = r'^"(0|[1-9][0-9]{0,14})"$'
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
        content[media_type] = {"schema": _success_schema(route) if media_type == JSON else {}}
    response: dict[str, Any] = {"description": "Done" if route.method != "GET" else "Here it is"}
    headers = {"Trace-Id": {"schema": {"type": "string"}}}
    if route.status != 204:
        response["content"] = content
    return response | {"headers": headers}


def _success_schema(route: Route) -> Any:
    if not route.paged:
        return route.returns or {}
    return {
        "type": "object",
        "required": ["items", "next"],
        "properties": {
            "items": {"type": "array", "items": route.returns or {}},
            "next": {"type": ["string", "null"], "description": "The cursor of the next page"},
        },
    }


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


def _operations(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for item in document["paths"].values():
        yield from (operation for key, operation in item.items() if isinstance(operation, dict))


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
