"""Four people do their work on the pages of the whole stack: a worker applies, HR approves, a trainer records results.

Each page is looked at with axe, and once on a narrow screen without JavaScript.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from clusterskills import seed
from clusterskills.demo.cast import Cast
from clusterskills.demo.seeding import course_body, seed_organisations, seed_people
from deploy.local.processes import wait_until
from shared.clock import utc_now
from tests.accessibility import violations
from tests.stack import Stack

pytestmark = pytest.mark.timeout(480)
# Logins that no other test signs in with at the same time: Keycloak refuses the second of two at once.
TOWN, CLUSTER, PROVIDER = "moravia", "msac-moravia", "vzorova-akademie-ostrava"


@dataclass(frozen=True)
class Person:
    """Somebody at a browser of their own."""

    page: Page
    origin: str

    def go(self, path: str) -> None:
        self.page.goto(self.origin + path)

    def look(self) -> None:
        """Nothing that axe finds, nothing wider than the screen."""
        assert violations(self.page) == []
        self.look_without_axe()

    def look_without_axe(self) -> None:
        """Nothing wider than the screen; axe needs JavaScript."""
        assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    def state(self) -> str:
        return self.page.locator(".big-state").inner_text().strip()

    def until_state(self, path: str, word: str) -> None:
        """Load the page again until it says so: events are on their way."""

        def says() -> bool:
            self.go(path)
            return self.state() == word

        assert wait_until(says, 60), self.state()


@pytest.fixture
def cast(stack: Stack) -> Iterator[Cast]:
    cast = Cast(stack.facts)
    seed_organisations(cast)
    seed_people(cast)
    yield cast
    cast.close()


@contextmanager
def at_work(stack: Stack, chromium: Browser, role: str, *, narrow: bool = False, town: str = TOWN) -> Iterator[Person]:
    """Somebody with this role who signs in; `narrow`: on a phone without JavaScript."""
    name = "operator@clusterskills.example" if role == "operator" else f"{role}@{town}.example"
    password = next(login["password"] for login in stack.facts["logins"] if login["username"] == name)
    width, height = (390, 844) if narrow else (1280, 900)
    context = chromium.new_context(
        viewport={"width": width, "height": height}, java_script_enabled=not narrow, locale="en-GB"
    )
    page = context.new_page()
    try:
        page.goto(f"{stack.url}/sign-in")
        page.fill("#username", name)
        page.fill("#password", password)
        page.click("#kc-login")
        page.wait_for_url(f"{stack.url}/")
        yield Person(page, stack.url)
    finally:
        context.close()


def open_session(cast: Cast) -> tuple[str, str]:
    """A new course of the town with an open session of two seats: (course, session)."""
    trainer, reviewer = cast.person("trainer", CLUSTER), cast.person("reviewer", CLUSTER)
    course = next(one for one in seed.courses() if one.provider == PROVIDER and not one.prerequisites)
    mark = uuid.uuid4().hex[:8]
    body = {**course_body(course, {}), "external_id": f"pages-{mark}", "titles": {"en": f"Robots by page {mark}"}}
    made = trainer.post("/v1/courses", {**body, "default_language": "en"}).body["id"]
    trainer.post(f"/v1/courses/{made}/submit")
    reviewer.post(f"/v1/courses/{made}/publish")
    # Another day each time: the worker may have been enrolled by an earlier run on the same stack.
    start = utc_now() + timedelta(days=20 + int(mark, 16) % 300)
    terms = {
        "starts_at": start.isoformat(),
        "ends_at": (start + timedelta(days=1)).isoformat(),
        "application_deadline": (start - timedelta(days=2)).isoformat(),
        "timezone": "Europe/Prague",
        "capacity": 2,
        "waitlist_limit": 5,
        "approval_needed": True,
        "language": "en",
        "mode": "Presential",
        "place": "Ostrava",
    }
    session = trainer.post(f"/v1/courses/{made}/sessions", terms).body["id"]
    trainer.post(f"/v1/sessions/{session}/open")
    seats = cast.outsider
    assert wait_until(lambda: bool(seats.get("/v1/seats", ids=session).body["items"]), 60)
    return made, session


def test_a_worker_applies_hr_approves_and_a_trainer_records_the_result(
    stack: Stack, chromium: Browser, cast: Cast
) -> None:
    course, session = open_session(cast)

    with at_work(stack, chromium, "worker") as worker, at_work(stack, chromium, "hr") as hr:
        worker.go(f"/courses/{course}")
        worker.look()
        worker.page.get_by_role("button", name="Apply").click()
        worker.page.wait_for_url("**/learning/*")
        if worker.state() == "Not possible":
            worker.look()
            worker.page.get_by_role("button", name="Let my employer see the result").click()
            worker.page.wait_for_url("**/courses/*")
            _apply_until_taken(worker)
        enrolment = worker.page.url.rsplit("/", 1)[1]
        assert worker.state() == "Applied"
        worker.look()

        hr.go("/")
        expect(hr.page.locator(".home-cards")).to_contain_text("Applications to decide")
        hr.look()
        hr.go("/approvals")
        hr.look()
        hr.page.get_by_role("button", name="Approve the chosen").click()
        expect(hr.page.get_by_role("alert")).to_contain_text("Choose at least one application.")
        hr.page.locator(f"#row-{enrolment}").check()
        hr.page.get_by_role("button", name="Approve the chosen").click()
        expect(hr.page.get_by_role("status")).to_contain_text("Decided: 1")

        worker.until_state(f"/learning/{enrolment}", "Confirmed")
        worker.go("/learning")
        worker.look()

    with at_work(stack, chromium, "trainer", narrow=True) as trainer:
        trainer.go("/teaching")
        trainer.page.locator(f"a[href='/teaching/{session}']").click()
        trainer.page.get_by_text("Close enrolment").first.click()
        trainer.page.get_by_role("button", name="Close enrolment").click()
        trainer.page.get_by_role("button", name="Start the session").click()
        trainer.page.fill(f"[id='field-attendance:{enrolment}']", "a lot")
        trainer.page.get_by_role("button", name="Save").click()
        expect(trainer.page.get_by_role("alert")).to_contain_text("Attendance is a whole number")
        assert trainer.page.input_value(f"[id='field-attendance:{enrolment}']") == "a lot"
        trainer.page.fill(f"[id='field-attendance:{enrolment}']", "100")
        trainer.page.select_option(f"[id='field-result:{enrolment}']", "passed")
        trainer.page.fill(f"[id='field-score:{enrolment}']", "87,5")
        trainer.page.get_by_role("button", name="Save").click()
        expect(trainer.page.get_by_role("status")).to_contain_text("Saved.")

    with at_work(stack, chromium, "worker", narrow=True) as worker:
        worker.until_state(f"/learning/{enrolment}", "Completed")
        expect(worker.page.locator("main")).to_contain_text("87.5")


def _apply_until_taken(worker: Person) -> None:
    """The consent is an event on its way: an application before it came says so, and the next one is taken."""
    course = worker.page.url.partition("?")[0].removeprefix(worker.origin)

    def taken() -> bool:
        worker.go(course)
        worker.page.get_by_role("button", name="Apply").click()
        worker.page.wait_for_url("**/learning/*")
        return worker.state() != "Not possible"

    assert wait_until(taken, 60)


def test_a_manager_registers_a_person_and_every_mistake_is_shown_at_its_field(
    stack: Stack, chromium: Browser, cast: Cast
) -> None:
    with at_work(stack, chromium, "manager") as manager:
        manager.go("/people/new")
        manager.look()
        manager.page.fill("#field-given_name", "Ada")
        manager.page.fill("#field-family_name", "x" * 300)
        manager.page.get_by_role("button", name="Register").click()
        expect(manager.page.get_by_role("alert")).to_contain_text("There is a problem")
        assert manager.page.title().startswith("Error:")
        assert manager.page.input_value("#field-given_name") == "Ada"
        manager.look()
        manager.page.fill("#field-family_name", f"Lovelace-{uuid.uuid4().hex[:6]}")
        manager.page.get_by_role("button", name="Register").click()
        expect(manager.page.get_by_role("status")).to_contain_text("Registered.")
        manager.look()
        manager.go("/people")
        manager.look()


def test_an_operator_sees_the_health_of_each_service_jobs_and_who_read_personal_data(
    stack: Stack, chromium: Browser, cast: Cast
) -> None:
    cast.person("manager", CLUSTER).get("/v1/people")
    with at_work(stack, chromium, "operator") as operator:
        operator.go("/operations")
        expect(operator.page.get_by_role("region", name="Services").locator("tbody tr")).to_have_count(4)
        operator.look()
        operator.page.get_by_role("link", name="Dead letters", exact=True).click()
        expect(operator.page.locator("h1")).to_have_text("Dead letters")
        operator.page.get_by_role("link", name="Jobs", exact=True).click()
        expect(operator.page.locator("h1")).to_have_text("Jobs")
        operator.look()
        operator.page.get_by_role("link", name="Personal data read", exact=True).click()
        operator.page.locator("#pick-service").select_option("directory")
        operator.page.get_by_role("button", name="Show").click()
        expect(operator.page.locator("tbody")).to_contain_text("GET /v1/people")
        operator.look()


def test_a_page_of_another_role_is_refused_and_a_guest_signs_in_first(stack: Stack, chromium: Browser) -> None:
    with at_work(stack, chromium, "reviewer") as reviewer:
        answer = reviewer.page.goto(f"{stack.url}/operations")
        assert answer is not None
        assert answer.status == 403
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(f"{stack.url}/approvals")
        expect(page.locator("#username")).to_be_visible()
