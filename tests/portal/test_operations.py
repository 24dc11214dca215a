"""The operator's pages: the verdict first, dead letters looked into, jobs followed, who did and read what."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Browser, expect

from services import manifests
from services.portal.condition import condition, verdict
from services.portal.languages import PSEUDO
from tests.portal.conftest import Surroundings
from tests.portal.neighbourhood import Asked
from tests.portal.test_browser import LOOKS, address, forgotten, look

__all__ = ["address"]
NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
SERVICES = [one.name for one in manifests() if not one.pages]
LETTER = {
    "id": "bGV0dGVy",
    "consumer": "copies.g1",
    "aggregate": "person/p-1",
    "event_id": "person/p-1/3",
    "reason": "person.merged.v1: Object missing required field `into`",
    "waiting_behind": 2,
    "held_at": "2026-09-01T10:00:00+00:00",
}
DETAIL = {
    **LETTER,
    "topic": "person",
    "partition": 1,
    "offset": 42,
    "headers": {"ce_type": "person.merged.v1"},
    "content": '{"person_id":"p-1"}',
    "followers": ["person/p-1/4", "person/p-1/5"],
}
PAGES = (
    "/operations",
    "/operations/dead-letters",
    f"/operations/dead-letters/enrolment/{LETTER['id']}",
    "/operations/jobs",
    "/operations/audit",
    "/operations/reads",
)


def lag(**changes: Any) -> dict[str, Any]:
    """What a service says that is well."""
    consumers = [{"consumer": "copies", "lag": 0, "caught_up_at": NOW.isoformat()}]
    well = {"outbox_waiting": 0, "outbox_oldest_seconds": 0.0, "dead": 0, "behind": 0, "awaiting": 0}
    return {**well, "consumers": consumers, **changes}


def job(number: int, state: str = "done", **changes: Any) -> dict[str, Any]:
    """A job; the higher its number, the newer."""
    made = (NOW + timedelta(seconds=number)).isoformat()
    facts = {"id": f"j-{number}", "kind": "people-import", "cluster_id": "c", "state": state, "dry_run": False}
    return {**facts, "created_at": made, "done": 5, "total": 10, "counts": {"failed": 1}, "problem": None, **changes}


def paged(items: list[Any]) -> Callable[[Asked], dict[str, Any]]:
    """A list with cursors, which are the places where pages begin."""

    def answer(asked: Asked) -> dict[str, Any]:
        start, limit = int(asked.query.get("cursor", ["0"])[0]), int(asked.query["limit"][0])
        end = start + limit
        return {"items": items[start:end], "next": str(end) if end < len(items) else None}

    return answer


@pytest.fixture
def well(around: Surroundings, address: str) -> Surroundings:
    """A platform on which one event could not be applied, and a job runs."""
    step = {"id": "a", "at": NOW.isoformat(), "subject": "s-1", "action": "discard", "target": "copies.g1/person/p-1/3"}
    read: dict[str, Any] = {"id": "r", "at": NOW.isoformat(), "action": "GET /v1/people/<person_id>", "reader_id": None}
    read |= {"client_id": "partner-x", "relation": "cluster", "cluster_id": "c", "organisation_ids": [], "scope": "x"}
    now = around.runtime.now().isoformat()
    for service in SERVICES:
        consumers = [{"consumer": "copies", "lag": 0, "caught_up_at": now}]
        around.neighbour.answers |= {
            f"/v1/{service}/operations/lag": lag(consumers=consumers, dead=int(service == "enrolment")),
            f"/v1/{service}/operations/dead-letters": paged([LETTER] if service == "enrolment" else []),
            f"/v1/{service}/jobs": paged([]),
            f"/v1/{service}/operations/audit": paged([step]),
            f"/v1/{service}/personal-reads": paged([read]),
        }
    jobs = [job(3, "running"), job(2), job(1, "failed", problem={"code": "JOB_GIVEN_UP", "detail": "It ended."})]
    around.neighbour.answers["/v1/directory/jobs"] = paged(jobs)
    around.neighbour.answers[f"/v1/enrolment/operations/dead-letters/{LETTER['id']}"] = DETAIL
    return around


@pytest.fixture
def at_home(well: Surroundings, address: str, monkeypatch: pytest.MonkeyPatch) -> Surroundings:
    """The same at the address that the browser sees: forms are taken from there only."""
    settings = replace(well.runtime.settings, public_url=address, public_https_url="")
    monkeypatch.setitem(well.app.extensions, "portal", replace(well.runtime, settings=settings))
    return well


def cookie_of(around: Surroundings, address: str) -> dict[str, str]:
    """The session's cookie of an operator at this address."""
    name = f"portal-session-{address.rpartition(':')[2]}"
    cookie = operator(around).get_cookie(name)
    assert cookie is not None
    return {"name": name, "value": str(cookie.value), "url": address}


def operator(around: Surroundings) -> FlaskClient:
    return around.signed_in(roles=["operator"])


def session(around: Surroundings) -> str:
    cookie = operator(around).get_cookie("portal-session")
    assert cookie is not None
    return str(cookie.value)


def form_of(page: str, action: str) -> dict[str, str]:
    """The hidden fields of the form with this address."""
    form = page.split(f'action="{action}"')[1].split("</form>")[0]
    return dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))


def test_the_verdict_names_the_worst(around: Surroundings) -> None:
    late = lag(consumers=[{"consumer": "c", "lag": 9, "caught_up_at": (NOW - timedelta(minutes=2)).isoformat()}])
    unsent, dead = lag(outbox_waiting=4, outbox_oldest_seconds=61.0), lag(dead=3)
    with around.app.test_request_context():
        told = [
            verdict([condition("catalog", one, NOW) for one in some])
            for some in ([lag()], [lag(), late], [unsent, late], [late, dead], [dead, None])
        ]

    assert [(one.tone, one.sentence) for one in told] == [
        ("good", "Everything works"),
        ("open", "Events of 1 service are late"),
        ("open", "Events of 2 services are late"),
        ("bad", "3 events could not be applied"),
        ("bad", "1 service does not answer"),
    ]


def test_a_consumer_that_never_said_how_far_it_is_is_not_called_late() -> None:
    never = lag(consumers=[{"consumer": "copies", "lag": None, "caught_up_at": None}])

    assert not condition("catalog", never, NOW).late


def test_services_that_are_away_are_named_and_the_others_are_shown(well: Surroundings) -> None:
    well.neighbour.answers["/v1/catalog/operations/lag"] = (503, {"detail": "away"})
    well.neighbour.answers["/v1/catalog/jobs"] = (503, {"detail": "away"})
    browser = operator(well)
    health, jobs = browser.get("/operations").text, browser.get("/operations/jobs").text

    assert "1 service does not answer" in health
    assert "The service catalog does not answer" in jobs
    assert 'id="state-j-3"' in jobs


def test_jobs_of_all_services_are_one_list_whose_pages_leave_nothing_out_and_repeat_nothing(well: Surroundings) -> None:
    numbers = {
        "catalog": range(0, 200, 5),
        "directory": range(100, 160, 2),
        "enrolment": range(1, 4),
        "certificate": (),
    }
    for service, own in numbers.items():
        well.neighbour.answers[f"/v1/{service}/jobs"] = paged([job(n, cluster_id=service) for n in sorted(own)[::-1]])
    browser, seen, path = operator(well), list[tuple[int, str]](), "/operations/jobs"
    while path:
        page = browser.get(path).text
        seen += re.findall(r'id="state-j-(\d+)"', page)
        onward = re.search(r'rel="next" href="([^"]+)"', page)
        path = f"/operations/jobs{onward[1].replace('&amp;', '&')}" if onward else ""

    assert [int(str(n)) for n in seen] == sorted((n for own in numbers.values() for n in own), reverse=True)


def test_a_filter_is_handed_on_to_the_services(well: Surroundings) -> None:
    browser = operator(well)
    browser.get("/operations/jobs?state=failed&service=directory")
    asked = well.neighbour.asked[-1]
    browser.get("/operations/audit?service=catalog&subject=s-1&action=replay&from=2026-09-01&to=2026-09-02")
    steps = well.neighbour.asked[-1]
    browser.get("/operations/reads?service=catalog&person=p-1&from=nonsense")
    reads = well.neighbour.asked[-1]

    assert (asked.path, asked.query["state"]) == ("/v1/directory/jobs", ["failed"])
    assert {name: steps.query[name][0] for name in ("subject", "action", "from", "to")} == {
        "subject": "s-1",
        "action": "replay",
        "from": "2026-09-01T00:00:00Z",
        "to": "2026-09-03T00:00:00Z",
    }
    assert (reads.path, reads.query["person"], "from" in reads.query) == ("/v1/catalog/personal-reads", ["p-1"], False)
    assert browser.get("/operations/jobs?service=nobody").status_code == 404


@pytest.mark.parametrize(("action", "released"), [("replay", 1), ("discard", 3)])
def test_a_dead_letter_is_released_and_the_list_says_how_many_left(
    well: Surroundings, action: str, released: int
) -> None:
    path = f"/operations/dead-letters/enrolment/{LETTER['id']}"
    well.neighbour.answers[f"/v1/enrolment{path.replace('/enrolment', '')}/{action}"] = {"released": released}
    browser = operator(well)
    page = browser.get(path).text
    answer = browser.post(f"{path}/{action}", data=form_of(page, f"{path}/{action}"))

    assert answer.status_code == 303
    assert f"Events released: {released}" in browser.get(answer.headers["Location"]).text


def test_an_event_that_still_cannot_be_applied_says_so_on_its_page(well: Surroundings) -> None:
    path = f"/operations/dead-letters/enrolment/{LETTER['id']}"
    refusal = {"code": "STILL_FAILING", "detail": "The event still cannot be applied: no field `into`"}
    well.neighbour.answers[f"/v1/enrolment/operations/dead-letters/{LETTER['id']}/replay"] = (409, refusal)
    browser = operator(well)
    answer = browser.post(f"{path}/replay", data=form_of(browser.get(path).text, f"{path}/replay"))

    assert answer.status_code == 409
    assert "no field `into`" in answer.text
    assert browser.post(f"{path}/replay", data={}).status_code == 403


def test_only_operators_see_these_pages(well: Surroundings) -> None:
    browser = well.signed_in(roles=["manager", "hr", "trainer"])

    assert {browser.get(path).status_code for path in PAGES} == {403}


@pytest.mark.parametrize("style", LOOKS)
@pytest.mark.parametrize("path", PAGES)
def test_an_operators_page_is_clean(well: Surroundings, chromium: Browser, address: str, path: str, style: str) -> None:
    with look(chromium, address, style, session(well)) as seen:
        seen.go(path)
        seen.picture(f"{path.strip('/').replace('/', '-')}-{style}")

        assert seen.violations() == []
        assert seen.complaints == []
        assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("path", PAGES)
def test_every_word_of_an_operators_page_is_translated_and_longer_words_fit(
    well: Surroundings, chromium: Browser, address: str, path: str
) -> None:
    with look(chromium, address, "mobile", session(well)) as seen:
        seen.go(f"/language/{PSEUDO}?next={path}")

        assert forgotten(seen.page) == []
        assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_running_job_is_followed_without_loading_the_page_again(
    well: Surroundings, chromium: Browser, address: str
) -> None:
    with look(chromium, address, "light", session(well)) as seen:
        seen.go("/operations/jobs")
        seen.page.locator("details.sure > summary").first.click()
        expect(seen.page.locator("#progress-j-3")).to_contain_text("5 of 10 rows")
        well.neighbour.answers["/v1/directory/jobs"] = paged([job(3, "running", done=9)])
        expect(seen.page.locator("#progress-j-3")).to_contain_text("9 of 10 rows", timeout=60_000)
        expect(seen.page.locator("details.sure").first).to_have_attribute("open", "")
        well.neighbour.answers["/v1/directory/jobs"] = paged([job(3, "done", done=10)])
        expect(seen.page.locator("#state-j-3")).to_contain_text("Done", timeout=60_000)

        assert seen.complaints == []


def test_a_job_is_cancelled_and_a_letter_discarded_by_keyboard_alone(
    at_home: Surroundings, chromium: Browser, address: str
) -> None:
    well = at_home
    well.neighbour.answers["/v1/directory/jobs/j-3/cancel"] = job(3, "running")
    letter = f"/operations/dead-letters/enrolment/{LETTER['id']}"
    well.neighbour.answers[f"/v1/enrolment/operations/dead-letters/{LETTER['id']}/discard"] = {"released": 3}

    def press(name: str) -> None:
        """Go on by the tabulator until the focus is on this word, and press Enter."""
        for _ in range(60):
            seen.page.keyboard.press("Tab")
            if seen.page.evaluate("document.activeElement.innerText.trim()") == name:
                seen.page.keyboard.press("Enter")
                return
        raise AssertionError(f"{name} cannot be reached")

    with look(chromium, address, "light") as seen:
        seen.page.context.add_cookies([cookie_of(well, address)])  # type: ignore[list-item]
        seen.go("/operations/jobs")
        press("Cancel the job")
        press("Cancel the job")
        expect(seen.page.get_by_role("status").first).to_contain_text("The job is being cancelled.")
        seen.go(letter)
        press("Discard")
        expect(seen.page.locator(".sure-box")).to_contain_text("2 events wait behind it and are applied then.")
        press("Discard for good")
        expect(seen.page.get_by_role("status").first).to_contain_text("Events released: 3")

        assert seen.complaints == []


def test_the_operators_pages_work_without_javascript(at_home: Surroundings, chromium: Browser, address: str) -> None:
    at_home.neighbour.answers["/v1/directory/jobs/j-1/resume"] = job(1, "waiting")
    with chromium.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844}) as context:
        context.add_cookies([cookie_of(at_home, address)])  # type: ignore[list-item]
        page = context.new_page()
        page.goto(f"{address}/operations")
        page.get_by_role("link", name="Jobs").click()
        page.locator("#pick-state").select_option("failed")
        page.get_by_role("button", name="Show").click()
        page.get_by_role("button", name="Resume").first.click()

        expect(page.get_by_role("status").first).to_contain_text("The job goes on.")
