"""Errors say a code, a sentence and what is broken; each class has a status."""

from collections.abc import Iterator

import orjson
import pytest

from shared import errors
from shared.errors import IllegalTransition, Invalid, NotYetKnown, ServiceError, TooManyRequests, Unavailable, Violation
from shared.http import problems
from shared.http.problems import STATUS, TITLES, answer_for, status_of


def every_class(base: type[ServiceError] = ServiceError) -> Iterator[type[ServiceError]]:
    for cls in base.__subclasses__():
        yield cls
        yield from every_class(cls)


def test_every_error_class_has_a_status_and_every_status_a_title() -> None:
    ours = [cls for cls in every_class() if cls.__module__ in {errors.__name__, problems.__name__}]

    assert len(ours) >= 15
    for cls in ours:
        assert any(above in STATUS for above in cls.__mro__), cls
    assert set(STATUS.values()) <= set(TITLES)


def test_a_class_of_a_service_has_the_status_of_its_base() -> None:
    class SessionFull(errors.Conflict):
        code = "SESSION_FULL"

    assert status_of(SessionFull("No seat.")) == 409
    assert status_of(ServiceError("Unknown kind.")) == 500


def test_a_transition_that_is_not_allowed_says_what_is() -> None:
    error = IllegalTransition("course", "draft", "retired", ["review"])

    assert error.error_code == "ILLEGAL_TRANSITION"
    assert error.violations[0].actual == {"from": "draft", "to": "retired"}
    assert error.violations[0].required == ["review"]
    assert "the state is final" in str(IllegalTransition("course", "retired", "draft", []))


def test_an_error_may_have_a_code_of_its_own() -> None:
    assert errors.Conflict("Full.", code="SESSION_FULL").error_code == "SESSION_FULL"
    assert errors.Conflict("Full.").error_code == "CONFLICT"


@pytest.mark.parametrize(
    ("error", "status", "header"),
    [
        (Unavailable("Away.", retry_after=3), 503, ("Retry-After", "3")),
        (NotYetKnown("session", "s1"), 503, ("Retry-After", "1")),
        (errors.Transient("Away."), 503, ("Retry-After", "1")),
        (TooManyRequests("Slow down.", retry_after=2), 429, ("Retry-After", "2")),
        (errors.Unauthenticated("No."), 401, ("WWW-Authenticate", 'Bearer realm="clusterskills"')),
        (errors.Forbidden("No."), 403, ("Content-Type", "application/problem+json")),
        (problems.MethodNotAllowed("PUT", ["POST", "GET"]), 405, ("Allow", "GET, POST")),
        (problems.SlowRequest("Slow."), 408, ("Connection", "close")),
    ],
)
def test_errors_bring_the_headers_that_their_status_wants(
    error: ServiceError, status: int, header: tuple[str, str]
) -> None:
    answer = answer_for(error)

    assert answer.status == status
    assert header in answer.headers


def test_violations_keep_row_and_shorten_what_was_given() -> None:
    found = [
        Violation(field="a", code="X", message="m", actual="x" * 500, row=7),
        Violation(field="b", code="X", message="m", actual=list(range(500))),
        Violation(field="c", code="X", message="m", actual={str(n): n for n in range(500)}),
        Violation(field="d", code="X", message="m", actual=object()),
    ]
    shown = orjson.loads(answer_for(Invalid("Bad.", violations=found)).body)["violations"]

    assert shown[0]["row"] == 7
    assert len(shown[0]["actual"]) == 101
    assert [entry["actual"] for entry in shown[1:3]] == ["a list", "an object"]
    assert "row" not in shown[1]


def test_an_error_of_the_storage_is_translated() -> None:
    answer = answer_for(OSError("10.0.0.1"), lambda error: Unavailable("The database does not answer.", retry_after=2))

    assert answer.status == 503
    assert b"10.0.0.1" not in answer.body
    assert answer_for(OSError("x"), lambda error: None).status == 500
