"""What a page asks the services with: tokens that only the server has, renewed once, and what happens when they end."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from tests.portal.conftest import Surroundings

LIST = "/v1/enrolments"
EMPTY: dict[str, object] = {"items": [], "next": None}


def _asked_with(around: Surroundings, path: str) -> list[str]:
    return [one.headers.get("Authorization", "") for one in around.neighbour.asked if one.path == path]


def test_a_page_asks_the_services_with_the_token_of_who_looks_at_it(around: Surroundings) -> None:
    around.neighbour.answers[LIST] = EMPTY
    browser = around.signed_in(roles=["hr"])

    assert browser.get("/approvals").status_code == 200
    assert _asked_with(around, LIST) == [f"Bearer access-{around.provider.given}"]
    assert "access-" not in str(browser._cookies)


def test_tokens_that_are_about_to_end_are_renewed_once_for_all_who_ask_at_the_same_time(around: Surroundings) -> None:
    around.neighbour.answers[LIST] = EMPTY
    browser = around.signed_in(roles=["hr"])
    around.clock.ahead += timedelta(minutes=10)
    cookie = browser.get_cookie("portal-session")
    assert cookie is not None

    def ask(_number: int) -> int:
        other = around.browser()
        other.set_cookie("portal-session", cookie.value)
        return other.get("/approvals").status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(16))) == {200}
    assert around.provider.renewals == 1
    assert set(_asked_with(around, LIST)) == {f"Bearer access-{around.provider.given}"}


def test_a_session_that_the_provider_ended_is_over_here(around: Surroundings) -> None:
    browser = around.signed_in(roles=["hr"])
    around.clock.ahead += timedelta(minutes=10)
    around.provider.ended = True

    assert browser.get("/approvals").headers["Location"].startswith(around.provider.issuer)
    assert "/sign-in?" in browser.get("/").text


def test_a_form_that_is_sent_when_the_session_is_over_is_kept_and_can_be_sent_again(around: Surroundings) -> None:
    browser = around.signed_in(roles=["manager"])
    around.clock.ahead += timedelta(hours=2)

    detour = browser.post("/people/new", data={"given_name": "Ada", "family_name": 'Love "lace"', "form_token": "old"})
    back = browser.get(f"/callback?{around.provider.grant(detour.headers['Location'], roles=['manager'])}")

    assert back.status_code == 200
    assert 'action="/people/new"' in back.text
    assert 'name="given_name" value="Ada"' in back.text
    assert "Love &#34;lace&#34;" in back.text
    assert 'value="old"' not in back.text


def test_a_form_without_the_token_of_our_page_changes_nothing(around: Surroundings) -> None:
    browser = around.signed_in(roles=["manager"])

    assert browser.post("/people/new", data={"given_name": "Ada", "form_token": "forged"}).status_code == 403
    assert [one for one in around.neighbour.asked if one.method == "POST"] == []


def test_a_double_click_is_one_request_for_the_service(around: Surroundings) -> None:
    around.neighbour.answers["/v1/people"] = (201, {"id": "p-1"})
    around.neighbour.answers["/v1/organisations"] = (200, {"items": [], "next": None})
    browser = around.signed_in(roles=["manager"])
    page = browser.get("/people/new").text
    form = {
        name: page.partition(f'name="{name}" value="')[2].partition('"')[0] for name in ("form_token", "request_key")
    }

    for _ in range(2):
        assert browser.post("/people/new", data={"given_name": "Ada", **form}).status_code == 303
    keys = [one.headers["Idempotency-Key"] for one in around.neighbour.asked if one.method == "POST"]
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_a_service_that_does_not_answer_is_said_on_the_page(around: Surroundings) -> None:
    browser = around.signed_in(roles=["hr"])
    around.neighbour.down = True

    answer = browser.get("/approvals")
    assert answer.status_code == 503
    assert "does not answer" in answer.text


def test_a_refusal_that_a_page_does_not_expect_is_no_server_error(around: Surroundings) -> None:
    around.neighbour.answers[LIST] = (422, {"code": "INVALID", "detail": "limit is too large"})

    assert around.signed_in(roles=["hr"]).get("/approvals").status_code == 400
