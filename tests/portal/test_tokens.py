"""What a page asks the services with: tokens that only the server has, renewed once, and what happens when they end."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from tests.portal.conftest import Street

LIST = "/v1/enrolments"
EMPTY: dict[str, object] = {"items": [], "next": None}


def _asked_with(street: Street, path: str) -> list[str]:
    return [one.headers.get("Authorization", "") for one in street.neighbour.asked if one.path == path]


def test_a_page_asks_the_services_with_the_token_of_who_looks_at_it(street: Street) -> None:
    street.neighbour.answers[LIST] = EMPTY
    browser = street.signed_in(roles=["hr"])

    assert browser.get("/approvals").status_code == 200
    assert _asked_with(street, LIST) == [f"Bearer access-{street.provider.given}"]
    assert "access-" not in str(browser._cookies)


def test_tokens_that_are_about_to_end_are_renewed_once_for_all_who_ask_at_the_same_time(street: Street) -> None:
    street.neighbour.answers[LIST] = EMPTY
    browser = street.signed_in(roles=["hr"])
    street.clock.ahead += timedelta(minutes=10)
    cookie = browser.get_cookie("portal-session")
    assert cookie is not None

    def ask(_number: int) -> int:
        other = street.browser()
        other.set_cookie("portal-session", cookie.value)
        return other.get("/approvals").status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(16))) == {200}
    assert street.provider.renewals == 1
    assert set(_asked_with(street, LIST)) == {f"Bearer access-{street.provider.given}"}


def test_a_session_that_the_provider_ended_is_over_here(street: Street) -> None:
    browser = street.signed_in(roles=["hr"])
    street.clock.ahead += timedelta(minutes=10)
    street.provider.ended = True

    assert browser.get("/approvals").headers["Location"].startswith(street.provider.issuer)
    assert "/sign-in?" in browser.get("/").text


def test_a_form_that_is_sent_when_the_session_is_over_is_kept_and_can_be_sent_again(street: Street) -> None:
    browser = street.signed_in(roles=["manager"])
    street.clock.ahead += timedelta(hours=2)

    detour = browser.post("/people/new", data={"given_name": "Ada", "family_name": 'Love "lace"', "form_token": "old"})
    back = browser.get(f"/callback?{street.provider.grant(detour.headers['Location'], roles=['manager'])}")

    assert back.status_code == 200
    assert 'action="/people/new"' in back.text
    assert 'name="given_name" value="Ada"' in back.text
    assert "Love &#34;lace&#34;" in back.text
    assert 'value="old"' not in back.text


def test_a_form_without_the_token_of_our_page_changes_nothing(street: Street) -> None:
    browser = street.signed_in(roles=["manager"])

    assert browser.post("/people/new", data={"given_name": "Ada", "form_token": "forged"}).status_code == 403
    assert [one for one in street.neighbour.asked if one.method == "POST"] == []


def test_a_double_click_is_one_request_for_the_service(street: Street) -> None:
    street.neighbour.answers["/v1/people"] = (201, {"id": "p-1"})
    browser = street.signed_in(roles=["manager"])
    page = browser.get("/people/new").text
    form = {
        name: page.partition(f'name="{name}" value="')[2].partition('"')[0] for name in ("form_token", "request_key")
    }

    for _ in range(2):
        assert browser.post("/people/new", data={"given_name": "Ada", **form}).status_code == 303
    keys = [one.headers["Idempotency-Key"] for one in street.neighbour.asked if one.method == "POST"]
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_a_service_that_does_not_answer_is_said_on_the_page(street: Street) -> None:
    browser = street.signed_in(roles=["hr"])
    street.neighbour.down = True

    answer = browser.get("/approvals")
    assert answer.status_code == 503
    assert "does not answer" in answer.text


def test_a_refusal_that_a_page_does_not_expect_is_no_server_error(street: Street) -> None:
    street.neighbour.answers[LIST] = (422, {"code": "INVALID", "detail": "limit is too large"})

    assert street.signed_in(roles=["hr"]).get("/approvals").status_code == 400
