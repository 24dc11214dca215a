"""Cursors, rate limits, rendering: the parts of the door on their own."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema, fields, post_dump

from shared.errors import Invalid
from shared.http.call import Call
from shared.http.cursors import Cursors, scope_of
from shared.http.ratelimit import RateLimit, address_of, network_of
from shared.http.render import compile_dump, to_json

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(), lambda inner: st.lists(inner), max_leaves=5
)


@given(position=JSON_VALUES, filters=st.dictionaries(st.text(), st.lists(st.text())), cut=st.integers(0, 30))
def test_a_cursor_gives_back_its_position_and_nothing_else(position: Any, filters: dict[str, Any], cut: int) -> None:
    cursors, scope = Cursors(b"secret"), scope_of("/v1/things", filters, None)
    cursor = cursors.sign(position, scope)

    assert cursors.read(cursor, scope) == position
    assert cursor.replace("-", "").replace("_", "").isalnum()
    with pytest.raises(Invalid):
        cursors.read(cursor, scope + "x")
    with pytest.raises(Invalid):
        Cursors(b"another").read(cursor, scope)
    with pytest.raises(Invalid):
        cursors.read(cursor[: min(cut, len(cursor) - 1)], scope)


@given(garbage=st.text())
def test_garbage_is_no_cursor(garbage: str) -> None:
    with pytest.raises(Invalid):
        Cursors(b"secret").read(garbage, "/v1/things")


def test_the_order_of_filters_does_not_matter() -> None:
    assert scope_of("/a", {"x": ["1"], "y": ["2"]}, None) == scope_of("/a", {"y": ["2"], "x": ["1"]}, None)


def test_a_bucket_fills_with_time() -> None:
    now = [0.0]
    limit = RateLimit(2, now=lambda: now[0])

    assert [limit.take("a").retry_after for _ in range(3)] == [0, 0, 1]
    now[0] += 0.5
    assert [limit.take("a").retry_after for _ in range(2)] == [0, 1]
    now[0] += 100
    assert limit.take("a").remaining == 1


def test_clients_not_seen_for_long_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.http.ratelimit._MOST_CLIENTS", 3)
    limit = RateLimit(5)
    for client in "abcde":
        limit.take(client)

    assert list(limit._buckets) == ["c", "d", "e"]


@pytest.mark.parametrize(
    ("remote", "forwarded", "trusted", "address"),
    [
        ("10.0.0.1", None, 1, "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7", 1, "198.51.100.7"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.7", 1, "198.51.100.7"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.7", 2, "1.1.1.1"),
        ("10.0.0.1", "198.51.100.7", 5, "198.51.100.7"),
        ("10.0.0.1", "198.51.100.7", 0, "10.0.0.1"),
        ("10.0.0.1", " , ", 1, "10.0.0.1"),
        ("10.0.0.1", "nonsense", 1, "unknown"),
        ("2001:db8::1", None, 1, "2001:db8::/64"),
        ("::ffff:198.51.100.7", None, 1, "198.51.100.7"),
    ],
)
def test_the_address_is_the_one_that_the_trusted_proxies_saw(
    remote: str, forwarded: str | None, trusted: int, address: str
) -> None:
    assert address_of(remote, forwarded, trusted) == address
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1")


class Inner(Schema):
    """Below."""

    title = fields.String()
    level = fields.Integer()


class Outer(Schema):
    """All that a view may hold."""

    id = fields.String(required=True)
    renamed = fields.String(data_key="shown_as", attribute="kept_as")
    count = fields.Integer(dump_default=3)
    when = fields.AwareDateTime()
    day = fields.Date(allow_none=True)
    anything = fields.Raw()
    tags = fields.List(fields.String(allow_none=True))
    dates = fields.List(fields.Date())
    inner = fields.Nested(Inner)
    inners = fields.List(fields.Nested(Inner))
    many = fields.Nested(Inner, many=True)
    below = fields.String(attribute="deep.title")
    secret = fields.String(load_only=True)
    loud = fields.Function(lambda item: "x")
    fallback = fields.String(dump_default=lambda: "none given")


INNER = st.fixed_dictionaries({}, optional={"title": st.text(), "level": st.integers(0, 9)})
OUTER = st.fixed_dictionaries(
    {"id": st.text()},
    optional={
        "kept_as": st.none() | st.text(),
        "count": st.integers(-5, 5),
        "when": st.datetimes(timezones=st.just(UTC)),
        "day": st.none() | st.dates(),
        "anything": JSON_VALUES,
        "tags": st.none() | st.lists(st.none() | st.text()),
        "dates": st.lists(st.dates()),
        "inner": st.none() | INNER,
        "inners": st.lists(INNER),
        "many": st.lists(INNER),
        "deep": INNER,
        "secret": st.text(),
    },
)


@given(items=st.lists(OUTER, max_size=4))
def test_the_compiled_dump_equals_marshmallows(items: list[dict[str, Any]]) -> None:
    one, several = compile_dump(Outer()), compile_dump(Outer(many=True))

    assert several(items) == Outer(many=True).dump(items)
    for item in items:
        assert one(item) == Outer().dump(item)
        assert one(SimpleNamespace(**item)) == Outer().dump(SimpleNamespace(**item))


def test_a_schema_with_hooks_dumps_itself() -> None:
    class Hooked(Inner):
        @post_dump
        def shout(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
            return {"title": data["title"].upper()}

    assert compile_dump(Hooked())({"title": "a"}) == {"title": "A"}


def test_json_knows_times_sets_and_iterables() -> None:
    value = {"at": datetime(2026, 1, 2, tzinfo=UTC), "naive": datetime(2026, 1, 2), "set": {"b", "a"}, "it": range(2)}  # noqa: DTZ001

    assert orjson.loads(to_json(value)) == {
        "at": "2026-01-02T00:00:00+00:00",
        "naive": "2026-01-02T00:00:00+00:00",
        "set": ["a", "b"],
        "it": [0, 1],
    }
    with pytest.raises(TypeError):
        to_json(object())


def test_a_view_that_asks_for_what_its_route_has_not_is_told() -> None:
    call = Call(caller=None, client="x")

    with pytest.raises(RuntimeError, match="paged"):
        _ = call.limit
    with pytest.raises(RuntimeError, match="unit of work"):
        _ = call.uow
    with pytest.raises(Exception, match="access token"):
        _ = call.who
