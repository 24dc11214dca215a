"""From the raw request to checked values: body, form, query and path. Complaints are collected, not raised one by one."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import Any, Final, NoReturn
from urllib.parse import parse_qsl

from marshmallow import Schema, ValidationError, fields, validate
from webargs.core import Parser
from webargs.multidictproxy import MultiDictProxy
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.wrappers import Request

from shared.errors import NotFound, Violation, forget_frames
from shared.http.call import Upload
from shared.http.limits import CONTROL, LARGEST_INTEGER, JsonLimits, broken_limits, read_json
from shared.http.problems import Malformed, SlowRequest, TooLarge, UnsupportedMediaType, UriTooLong
from shared.http.violations import violations_of

LONGEST_QUERY: Final = 8_192
LONGEST_PATH: Final = 2_048
_MOST_PARAMETERS: Final = 200
# A day from both ends of the calendar: every offset from UTC still has a date.
EARLIEST: Final = datetime(1, 1, 2, tzinfo=UTC)
LATEST: Final = datetime(9999, 12, 30, 23, 59, 59, tzinfo=UTC)
_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]+")
_OFFSET: Final = re.compile(r"[+-](?P<hours>[0-9]{2}):?(?P<minutes>[0-9]{2})$")
_PATH_VALUE: Final = re.compile(r"[^\x00-\x1f\x7f\ufffd]{1,256}")
_UTF8: Final = frozenset({"", "utf-8", "utf8", "us-ascii"})


class _Values(Parser[Any]):
    """webargs over data that is already here. Unknown names are refused in the query too: a typo must not be silent."""

    def load_json(self, req: Any, schema: Schema) -> Any:  # noqa: ARG002
        return req[0]

    def load_querystring(self, req: Any, schema: Schema) -> Any:
        return MultiDictProxy(req[0], schema)

    def handle_error(self, error: ValidationError, req: Any, schema: Schema, **_: Any) -> NoReturn:  # noqa: ARG002
        raise error  # the base logs it first: what people typed does not belong there


_parser = _Values(unknown=None)


def check_path(values: Mapping[str, str]) -> None:
    """An id that could never have been given out names nothing."""
    for value in values.values():
        if not _PATH_VALUE.fullmatch(value):
            raise NotFound("There is nothing at this address.")


def check_address(path: str, query: bytes) -> None:
    """Refuse an address of absurd length."""
    if len(path) > LONGEST_PATH or len(query) > LONGEST_QUERY:
        raise UriTooLong(f"Path up to {LONGEST_PATH}, query up to {LONGEST_QUERY} characters.")


def read_body(request: Request, limit: int) -> bytes:
    """The whole body. TooLarge beyond `limit`, SlowRequest when it stops coming, Malformed when it is cut or garbled."""
    # One more than the limit: werkzeug cuts a body in chunks at its limit without a word.
    request.max_content_length = limit + 1
    too_large = TooLarge(f"The body may have {limit} bytes at most.")
    try:
        raw = request.get_data()
    except RequestEntityTooLarge as error:
        raise too_large from error
    except ClientDisconnected as error:
        if isinstance(error.__context__, TimeoutError):
            raise SlowRequest("The body did not come in time.") from error
        raise Malformed("The body ends before its announced length.") from error
    except Exception as error:
        # Whatever the server's reader says of chunks or the connection: it is about what came in.
        raise Malformed("The body cannot be read.") from error
    if len(raw) > limit:
        raise too_large
    # gunicorn ends a body without a word when nothing more comes; half a file must not be taken for a whole one.
    if len(raw) < (request.content_length or 0):
        raise Malformed("The body ends before its announced length.")
    return raw


@lru_cache(512)
def check_media_type(content_type: str, encoding: str, accepted: tuple[str, ...]) -> str:
    """The body's media type. UnsupportedMediaType unless the route takes it, in UTF-8."""
    media_type, parameters = parse_options_header(content_type)
    media_type = media_type.lower()
    if not any(_matches(media_type, pattern) for pattern in accepted):
        raise UnsupportedMediaType(f"Send {' or '.join(accepted)}.")
    if parameters.get("charset", "").lower() not in _UTF8:
        raise UnsupportedMediaType("Send the text in UTF-8.")
    if encoding.lower() not in {"", "identity"}:
        raise UnsupportedMediaType("Send the body without Content-Encoding.")
    return media_type


def parse_json_body(raw: bytes, schema: Schema, limits: JsonLimits, violations: list[Violation]) -> Any:
    """The body by its schema. What is wrong with it goes to `violations`; then the answer means nothing."""
    data = read_json(raw)
    found = broken_limits(data, raw, limits)
    violations.extend(found)
    if any(violation.code == "TOO_DEEP" for violation in found):
        return None
    complaints: list[Violation] = []
    body = _load(schema, data, "json", complaints)
    already = {violation.field for violation in found}
    violations.extend(violation for violation in complaints if violation.field not in already)
    return body


def parse_query(raw: bytes, schema: Schema, violations: list[Violation]) -> tuple[dict[str, Any], MultiDict[str, str]]:
    """The query by its schema, and as it was written. Invalid UTF-8 and control characters are refused by name."""
    if not raw and not schema.fields:
        return {}, MultiDict()
    if not raw:
        return _load(schema, MultiDict(), "query", violations) or {}, MultiDict()
    pairs = _query_pairs(raw, violations)
    written: MultiDict[str, str] = MultiDict(pairs)
    found = [name for name, value in pairs if CONTROL.search(name) or CONTROL.search(value)]
    violations.extend(
        Violation(field=CONTROL.sub("?", name), code="CONTROL_CHARACTER", message="Control characters are not taken.")
        for name in found
    )
    multiple = MultiDictProxy(written, schema).multiple_keys
    violations.extend(
        Violation(field=name, code="REPEATED_PARAMETER", message="Give this once.")
        for name in written
        if name not in multiple and len(written.getlist(name)) > 1 and name not in found
    )
    return _load(schema, written, "query", violations) or {}, written


def parse_form(request: Request, schema: Schema, violations: list[Violation]) -> tuple[Any, dict[str, Upload]]:
    """A multipart form: its fields by the schema, its files as they came."""
    try:
        form, files = request.form, request.files
    except RequestEntityTooLarge as error:
        raise TooLarge("The form has too many or too large parts.") from error
    except ValueError as error:
        raise Malformed("The form cannot be read.") from error
    if None in form or None in files:
        raise Malformed("A part of the form has no name.")
    for name, value in form.items(multi=True):
        if CONTROL.search(name) or CONTROL.search(value):
            violations.append(
                Violation(field=name, code="CONTROL_CHARACTER", message="Control characters are not taken.")
            )
    uploads = {name: _uploaded(file) for name, file in files.items()}
    return _load(schema, form, "query", violations), uploads


def _uploaded(file: FileStorage) -> Upload:
    with file.stream as stream:  # a large one lies in a temporary file
        return Upload(CONTROL.sub("", file.filename or ""), file.mimetype, stream.read())


def harden(schema: Schema, *, json: bool, above: frozenset[type] = frozenset()) -> Schema:
    """Make a schema refuse integers and moments that no store keeps, and what is of another type: marshmallow would read
    "3" as 3 and "yes" as true, and in a query "1_0" as 10."""
    if type(schema) not in above:  # a schema may hold itself
        for field in schema.fields.values():
            _harden_field(field, json, above | {type(schema)})
    return schema


def _harden_field(field: fields.Field[Any], json: bool, above: frozenset[type]) -> None:
    if isinstance(field, fields.List):
        _harden_field(field.inner, json, above)
    elif isinstance(field, fields.Dict) and field.value_field is not None:
        _harden_field(field.value_field, json, above)
    elif isinstance(field, fields.Nested):
        harden(field.schema, json=json, above=above)
    # New lists: marshmallow's copies of a field share the old ones.
    field.validators = [*field.validators, *_bounds(field)]
    field.pre_load = [*_strictness(field, json), *field.pre_load]
    if isinstance(field, fields.Boolean) and not json:
        field.truthy, field.falsy = {"true"}, {"false"}


class _Range(validate.Range):
    """Of moments, and of days where a field takes both."""

    def __call__(self, value: Any) -> Any:
        super().__call__(datetime.combine(value, time(), UTC) if type(value) is date else value)
        return value


def _bounds(field: fields.Field[Any]) -> list[Any]:
    if isinstance(field, fields.Integer):
        return [validate.Range(-LARGEST_INTEGER, LARGEST_INTEGER)]
    return [_Range(EARLIEST, LATEST)] if isinstance(field, fields.AwareDateTime) else []


def _strictness(field: fields.Field[Any], json: bool) -> list[Any]:
    if isinstance(field, fields.AwareDateTime):
        return [_only_clock_offsets(field)]
    if json:
        return [_only_json(field)] if isinstance(field, fields.Integer | fields.Float | fields.Boolean) else []
    return [_only_digits(field)] if isinstance(field, fields.Integer) else []


def _only_clock_offsets(field: fields.Field[Any]) -> Any:
    """Python would read +14:60 as 15 hours."""

    def check(value: Any) -> Any:
        found = _OFFSET.search(value) if isinstance(value, str) else None
        if found and (int(found["hours"]) > 23 or int(found["minutes"]) > 59):
            raise field.make_error("invalid", input=value, obj_type="datetime")
        return value

    return check


def _only_digits(field: fields.Field[Any]) -> Any:
    def check(value: Any) -> Any:
        if isinstance(value, str) and not _WHOLE_NUMBER.fullmatch(value):
            raise field.make_error("invalid", input=value)
        return value

    return check


def _only_json(field: fields.Field[Any]) -> Any:
    types: tuple[type, ...] = (bool,) if isinstance(field, fields.Boolean) else (int, float)
    whole = isinstance(field, fields.Integer)

    def check(value: Any) -> Any:
        wrong = type(value) not in types or (whole and type(value) is float and not value.is_integer())
        if value is not None and wrong:
            raise field.make_error("invalid", input=value)
        return value

    return check


def _load(schema: Schema, data: Any, location: str, violations: list[Violation]) -> Any:
    try:
        return _parser.parse(schema, (data,), location=location)
    except ValidationError as error:
        messages = error.messages[location] if isinstance(error.messages, dict) else error.messages
        plain = _as_loaded(data, schema) if isinstance(data, MultiDict) else data
        violations.extend(violations_of(schema, messages, plain))
        forget_frames(error)
        return None


def _as_loaded(data: MultiDict[str, str], schema: Schema) -> dict[str, Any]:
    several = MultiDictProxy(data, schema).multiple_keys
    return {name: data.getlist(name) if name in several else data[name] for name in data}


def _query_pairs(raw: bytes, violations: list[Violation]) -> list[tuple[str, str]]:
    try:
        return parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS)
    except UnicodeError:
        violations.append(Violation(field="", code="NOT_UTF8", message="The query is not percent-encoded UTF-8."))
    except ValueError:
        violations.append(Violation(field="", code="TOO_LONG", message=f"At most {_MOST_PARAMETERS} parameters."))
    return []


def _matches(media_type: str, pattern: str) -> bool:
    return pattern in {media_type, "*/*"} or (pattern.endswith("/*") and media_type.startswith(pattern[:-1]))
