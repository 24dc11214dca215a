"""Signing in and out, and everything that can go wrong on the way."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from services.portal.sessions import IDLE, LONGEST, SIGN_IN_LIFETIME
from tests.portal.conftest import PUBLIC, SECURE, Surroundings
from tests.tokens import make_key


def _begin(browser: FlaskClient, path: str = "/sign-in") -> str:
    answer = browser.get(path)
    assert answer.status_code == 303
    return answer.headers["Location"]


def _come_back(around: Surroundings, browser: FlaskClient, path: str = "/sign-in") -> TestResponse:
    return browser.get(f"/callback?{around.provider.grant(_begin(browser, path))}")


def _is_signed_in(browser: FlaskClient) -> bool:
    page = browser.get("/").text
    assert ("Sign out" in page) != ("/sign-in?" in page)
    return "Sign out" in page


def _form_token(browser: FlaskClient) -> str:
    return browser.get("/").text.partition('name="form_token" value="')[2].partition('"')[0]


def test_the_way_to_the_provider_carries_a_challenge_a_nonce_and_our_address(around: Surroundings) -> None:
    address = _begin(around.browser())
    asked = parse_qs(urlsplit(address).query)

    assert address.startswith(f"{around.provider.issuer}/auth?")
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == [f"{PUBLIC}/callback"]
    assert len(asked["state"][0]) >= 32
    assert len(asked["nonce"][0]) >= 32


def test_somebody_who_signs_in_is_greeted_with_name_roles_and_cluster(around: Surroundings) -> None:
    cluster = around.runtime.partnerships.clusters[0]
    browser = around.signed_in(name="Jana <Keller>", roles=["manager", "default-roles-x"], cluster_id=cluster.id)
    page = browser.get("/").text

    assert "Welcome, Jana &lt;Keller&gt;" in page
    assert "Cluster manager" in page
    assert "default-roles-x" not in page
    assert cluster.name in page.partition("</h1>")[0]


def test_after_signing_in_one_is_back_where_one_was(around: Surroundings) -> None:
    assert _come_back(around, around.browser(), "/sign-in?next=/verify%3Fa%3D1").headers["Location"] == "/verify?a=1"


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/%09/evil.example",
        "/a\nSet-Cookie: x=y",
        "javascript:alert(1)",
        " //evil.example",
        "/" + "a" * 3000,
        "",
    ],
)
def test_nobody_is_sent_to_another_site(around: Surroundings, target: str) -> None:
    browser = around.browser()
    answer = browser.get("/sign-in", query_string={"next": target})
    back = browser.get(f"/callback?{around.provider.grant(answer.headers['Location'])}")
    spoken = browser.get("/language/de", query_string={"next": target})

    for location in (back.headers["Location"], spoken.headers["Location"]):
        parts = urlsplit(location)
        assert location.startswith("/")
        assert not location.startswith(("//", "/\\"))
        assert not parts.netloc


def test_a_second_callback_changes_nothing_for_who_is_signed_in(around: Surroundings) -> None:
    browser = around.browser()
    query = around.provider.grant(_begin(browser))
    browser.get(f"/callback?{query}")
    again = browser.get(f"/callback?{query}")

    assert again.status_code == 303
    assert again.headers["Location"] == "/"
    assert "Set-Cookie" not in again.headers
    assert _is_signed_in(browser)


def test_a_used_answer_does_not_sign_in_another_time(around: Surroundings) -> None:
    browser = around.browser()
    query = around.provider.grant(_begin(browser))
    browser.get(f"/callback?{query}")
    browser.post("/sign-out", data={"form_token": _form_token(browser)})

    assert browser.get(f"/callback?{query}").status_code == 400
    assert not _is_signed_in(browser)


@pytest.mark.parametrize(
    ("origin", "status"), [(PUBLIC, 303), ("https://evil.example", 403), ("null", 403), (f"{PUBLIC}.evil.example", 403)]
)
def test_a_page_of_another_origin_signs_nobody_out_even_with_the_forms_token(
    around: Surroundings, origin: str, status: int
) -> None:
    browser = around.signed_in()
    answer = browser.post("/sign-out", data={"form_token": _form_token(browser)}, headers={"Origin": origin})

    assert answer.status_code == status
    assert _is_signed_in(browser) == (status == 403)


def test_two_tabs_can_sign_in_at_the_same_time(around: Surroundings) -> None:
    browser = around.browser()
    first, second = (around.provider.grant(_begin(browser)) for _ in range(2))

    assert browser.get(f"/callback?{second}").status_code == 303
    assert browser.get(f"/callback?{first}").status_code == 303


@pytest.mark.parametrize("state", ["", "forged", "x" * 5000, "\x00", "☃"])
def test_a_forged_state_signs_nobody_in(around: Surroundings, state: str) -> None:
    browser = around.browser()
    around.provider.grant(_begin(browser))
    answer = browser.get("/callback", query_string={"state": state, "code": "code-0"})

    assert answer.status_code == 400
    assert "Try again" in answer.text
    assert not _is_signed_in(browser)


def test_an_answer_from_another_browser_is_refused_and_not_used_up(around: Surroundings) -> None:
    victim, owner = around.browser(), around.browser()
    query = around.provider.grant(_begin(owner))

    assert victim.get(f"/callback?{query}").status_code == 400
    assert not _is_signed_in(victim)
    assert owner.get(f"/callback?{query}").status_code == 303


def test_a_sign_in_that_takes_too_long_is_refused(around: Surroundings) -> None:
    browser = around.browser()
    query = around.provider.grant(_begin(browser))
    around.clock.ahead = SIGN_IN_LIFETIME + timedelta(seconds=1)

    assert browser.get(f"/callback?{query}").status_code == 400


def test_a_cancelled_sign_in_says_so(around: Surroundings) -> None:
    browser = around.browser()
    state = parse_qs(urlsplit(_begin(browser)).query)["state"][0]
    answer = browser.get("/callback", query_string={"state": state, "error": "access_denied"})

    assert answer.status_code == 400
    assert "cancelled" in answer.text


@pytest.mark.parametrize("code", ["", "unknown", "code-999999"])
def test_a_bad_code_signs_nobody_in(around: Surroundings, code: str) -> None:
    browser = around.browser()
    state = parse_qs(urlsplit(_begin(browser)).query)["state"][0]

    assert browser.get("/callback", query_string={"state": state, "code": code}).status_code == 400
    assert not _is_signed_in(browser)


def test_a_code_of_another_sign_in_fails_its_challenge(around: Surroundings) -> None:
    attacker, victim = around.browser(), around.browser()
    stolen = parse_qs(around.provider.grant(_begin(attacker)))["code"][0]
    state = parse_qs(urlsplit(_begin(victim)).query)["state"][0]

    assert victim.get("/callback", query_string={"state": state, "code": stolen}).status_code == 400


@pytest.mark.parametrize(
    "spoiled",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"iss": "https://id.evil.example"},
        {"aud": "another-client"},
        {"aud": ["portal", "x"], "azp": "another-client"},
        {"exp": 1_000_000},
        {"exp": None},
        {"iat": 99_999_999_999},
        {"sub": None},
    ],
    ids=str,
)
def test_an_id_token_that_is_not_for_this_sign_in_is_refused(around: Surroundings, spoiled: dict[str, object]) -> None:
    browser = around.browser()
    around.provider.spoil = spoiled

    assert _come_back(around, browser).status_code == 400
    assert not _is_signed_in(browser)


def test_an_id_token_of_a_foreign_key_is_refused(around: Surroundings) -> None:
    around.provider.signer = make_key("RS256", "one")

    assert _come_back(around, around.browser()).status_code == 400


def test_an_answer_that_names_another_issuer_is_refused(around: Surroundings) -> None:
    browser = around.browser()
    query = around.provider.grant(_begin(browser))

    assert browser.get(f"/callback?{query}&iss=https://id.evil.example").status_code == 400


def test_a_provider_that_is_away_is_a_page_and_not_a_crash(around: Surroundings) -> None:
    browser = around.browser()
    query = around.provider.grant(_begin(browser))
    around.provider.down = True
    answer = browser.get(f"/callback?{query}")

    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert "Not available" in answer.text


@pytest.mark.parametrize("answer", [(500, {}), (200, b"no json"), (200, {"access_token": "x"}), (200, [])])
def test_a_provider_that_answers_nonsense_is_away(around: Surroundings, answer: object) -> None:
    browser = around.browser()
    query = around.provider.grant(_begin(browser))
    around.provider.answers["/realms/test/token"] = answer

    assert browser.get(f"/callback?{query}").status_code == 503


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c", "x" * 20, "e30.e30.e30"])
def test_an_id_token_that_is_none_is_refused(around: Surroundings, token: str) -> None:
    browser = around.browser()
    query = around.provider.grant(_begin(browser))
    around.provider.answers["/realms/test/token"] = {"access_token": "x", "id_token": token}

    assert browser.get(f"/callback?{query}").status_code == 400


def test_a_session_ends_an_hour_after_its_last_use(around: Surroundings) -> None:
    browser = around.signed_in()
    around.clock.ahead = IDLE - timedelta(minutes=1)
    assert _is_signed_in(browser)
    around.clock.ahead += IDLE - timedelta(minutes=1)
    assert _is_signed_in(browser)
    around.clock.ahead += IDLE + timedelta(minutes=1)
    assert not _is_signed_in(browser)


def test_a_session_ends_ten_hours_after_its_begin_also_when_used(around: Surroundings) -> None:
    browser = around.signed_in()
    while around.clock.ahead < LONGEST - IDLE:
        around.clock.ahead += IDLE - timedelta(minutes=5)
        assert _is_signed_in(browser)
    around.clock.ahead = LONGEST + timedelta(seconds=1)
    assert not _is_signed_in(browser)


def test_every_sign_in_gets_a_new_session_and_ends_the_old_one(around: Surroundings) -> None:
    browser = around.signed_in()
    before = browser.get_cookie("portal-session", domain="localhost")
    _come_back(around, browser)
    after = browser.get_cookie("portal-session", domain="localhost")
    assert before is not None
    assert after is not None
    assert before.value != after.value
    thief = around.browser()
    thief.set_cookie("portal-session", before.value)

    assert not _is_signed_in(thief)


@pytest.mark.parametrize("value", ["", "x", "x" * 3000, "\xe9", "../..", '{"$gt": ""}'])
def test_a_made_up_session_is_a_guest(around: Surroundings, value: str) -> None:
    browser = around.browser()
    page = browser.get("/", headers={"Cookie": f"portal-session={value}"})

    assert page.status_code == 200
    assert "/sign-in?" in page.text


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(around: Surroundings) -> None:
    browser = around.browser()
    begun = browser.get("/sign-in")
    done = browser.get(f"/callback?{around.provider.grant(begun.headers['Location'])}")

    for answer in (begun, done):
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Secure" not in cookie


def test_by_https_cookies_are_secure_bound_to_the_host_and_the_way_back_is_https(around: Surroundings) -> None:
    browser = around.browser()
    answer = browser.get("/sign-in", headers={"X-Forwarded-Proto": "https", "Host": "evil.example"})
    asked = parse_qs(urlsplit(answer.headers["Location"]).query)

    assert asked["redirect_uri"] == [f"{SECURE}/callback"]
    assert answer.headers["Set-Cookie"].startswith("__Host-portal-sign-in-8443=")
    assert "Secure" in answer.headers["Set-Cookie"]


def test_signing_out_ends_the_session_here_and_at_the_provider(around: Surroundings) -> None:
    browser = around.signed_in()
    answer = browser.post("/sign-out", data={"form_token": _form_token(browser)})
    asked = parse_qs(urlsplit(answer.headers["Location"]).query)

    assert answer.status_code == 303
    assert answer.headers["Location"].startswith(f"{around.provider.issuer}/logout?")
    assert asked["post_logout_redirect_uri"] == [f"{PUBLIC}/"]
    assert asked["id_token_hint"][0].count(".") == 2
    assert not _is_signed_in(browser)


@pytest.mark.parametrize("token", ["", "forged", "é"])
def test_another_site_cannot_sign_somebody_out(around: Surroundings, token: str) -> None:
    browser = around.signed_in()

    assert browser.post("/sign-out", data={"form_token": token}).status_code == 403
    assert _is_signed_in(browser)


def test_signing_out_twice_is_no_error(around: Surroundings) -> None:
    assert around.browser().post("/sign-out").headers["Location"] == "/"


def test_the_database_holds_neither_session_ids_nor_names(around: Surroundings) -> None:
    browser = around.signed_in(name="Petra Haas")
    cookie = browser.get_cookie("portal-session", domain="localhost")
    assert cookie is not None
    with around.app.app_context():
        database = around.runtime.mongo[f"{_prefix(around)}portal"]
        stored = repr(list(database["sessions"].find()) + list(database["sign_ins"].find()))

    assert cookie.value not in stored
    assert "Petra" not in stored


def test_mongodb_removes_what_is_over_by_itself(around: Surroundings) -> None:
    around.signed_in()
    database = around.runtime.mongo[f"{_prefix(around)}portal"]

    for name in ("sessions", "sign_ins"):
        indexes = database[name].index_information()
        assert indexes["over"]["expireAfterSeconds"] == 0


def _prefix(around: Surroundings) -> str:
    names: list[str] = around.runtime.mongo.list_database_names()
    return next(name for name in names if name.startswith("test_") and name.endswith("_portal")).removesuffix("portal")
