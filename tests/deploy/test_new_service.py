"""A service is a folder and a line: a made-up one is started, routed, scraped and listed without a word about it elsewhere."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, expect

from deploy.local import stack as launcher
from deploy.local.processes import wait_until
from deploy.local.stack import Request
from tests.stack import Stack

# It starts a stack with a Keycloak of its own, perhaps on a busy machine.
pytestmark = [pytest.mark.timeout(480), pytest.mark.slow]
PARTS = ("mongo", "kafka", "keycloak", "gateway", "portal", "lending")


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with one service more than ours."""
    data = tmp_path_factory.mktemp("grown") / "data"
    request = Request(data, only=PARTS, more=("tests.deploy.lending",), while_pid=os.getpid())
    try:
        yield Stack(launcher.start_in_background(request, print), data)
    finally:
        launcher.stop(data)


def test_a_new_service_is_started_with_its_worker(grown: Stack) -> None:
    _, parts = launcher.status(grown.data)

    assert {"lending-api", "lending-worker"} <= {part.name for part in parts if part.alive and part.answers}


def test_the_gateway_leads_to_a_new_service(grown: Stack) -> None:
    answer = httpx.get(f"{grown.url}/v1/tools", timeout=30)

    assert answer.status_code == 200
    assert answer.json()["items"] == [{"id": "hammer"}]
    assert httpx.get(f"{grown.url}/v1/lending/openapi.json", timeout=30).json()["paths"].keys() >= {"/v1/tools"}


def test_the_processes_of_a_new_service_are_scraped(grown: Stack) -> None:
    targets = json.loads((grown.data / "targets.json").read_text(encoding="utf-8"))
    ours = {one["labels"]["process"]: one["targets"] for one in targets if one["labels"]["service"] == "lending"}

    assert "clusterskills_http_requests" in _metrics(ours["api"])
    assert "clusterskills_outbox_waiting" in _metrics(ours["worker"])


def test_an_operator_sees_a_new_service_and_its_consumer(grown: Stack, chromium: Browser) -> None:
    operator = {"Authorization": f"Bearer {grown.client_token('platform-operator')}"}

    def consumers() -> list[str]:
        lag = httpx.get(f"{grown.url}/v1/lending/operations/lag", headers=operator, timeout=30).json()
        return [one["consumer"] for one in lag["consumers"]]

    assert wait_until(lambda: consumers() == ["lenders"], 60)
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(f"{grown.url}/sign-in?next=/operations")
        page.fill("#username", "operator@clusterskills.example")
        page.fill("#password", next(login["password"] for login in grown.facts["logins"]))
        page.click("#kc-login")
        expect(page.get_by_role("link", name="lending")).to_be_visible()


def _metrics(sides: list[str]) -> str:
    """What a process counts; it is at one of its two addresses."""
    for address in sides:
        try:
            return httpx.get(f"http://{address}/metrics", timeout=30).raise_for_status().text
        except httpx.ConnectError:
            continue
    raise AssertionError(f"Nobody answers at {sides}.")
