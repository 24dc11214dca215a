"""The gateway: one address, routed by the first segment, answering in the API's own words when nobody is there."""

from __future__ import annotations

import httpx
import pytest

from deploy.gateway.routes import ROUTES_FILE, rendered
from services import manifests
from tests.stack import Stack


@pytest.mark.parametrize("path", ["/v1/nonsense", "/v1/nonsense/5?x=1", "/v1", "/v1/coursesx"])
def test_an_unknown_path_of_the_api_is_a_problem_404(stack: Stack, path: str) -> None:
    answer = httpx.get(stack.url + path)

    assert answer.status_code == httpx.codes.NOT_FOUND
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "NOT_FOUND"


def test_http_and_https_are_the_same_place(stack: Stack) -> None:
    answers = [httpx.get(f"{base}/health/gateway", verify=stack.tls) for base in (stack.url, stack.https_url)]

    assert [answer.status_code for answer in answers] == [httpx.codes.OK, httpx.codes.OK]


def test_the_gateway_does_not_name_its_maker(stack: Stack) -> None:
    assert "server" not in httpx.get(f"{stack.url}/v1/nonsense").headers


def test_a_body_larger_than_the_limit_is_refused(stack: Stack) -> None:
    def endless() -> object:
        for _ in range(80):
            yield b"x" * 1_000_000

    try:
        answer = httpx.post(f"{stack.url}/v1/courses", content=endless(), timeout=30)  # type: ignore[arg-type]
    except (httpx.WriteError, httpx.ReadError):
        return  # closed while we were still sending: refused as well
    assert answer.status_code in {httpx.codes.REQUEST_ENTITY_TOO_LARGE, httpx.codes.UNAUTHORIZED, 503}


def test_every_address_has_one_owner() -> None:
    owners = [one for service in manifests() for one in (service.name, *service.segments)]
    elsewhere = [one for service in manifests() for one in service.outside]

    assert len(owners) == len(set(owners))
    assert len(elsewhere) == len(set(elsewhere))
    assert [service.name for service in manifests() if service.pages] == ["portal"]


def test_the_routes_of_compose_are_what_the_manifests_say() -> None:
    assert ROUTES_FILE.read_text(encoding="utf-8") == rendered(manifests()), "run `python -m deploy.gateway.routes`"
