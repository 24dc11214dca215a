"""What every page carries, the start page, errors, languages, files and documents."""

import gzip
import json
import re

import pytest

from services.portal import languages
from shared.codes import CODES
from tests.portal.conftest import PUBLIC, Surroundings
from tests.portal.neighbourhood import Asked

PAGES = ("/", "/verify", "/docs", "/nothing-here")


@pytest.mark.parametrize("path", PAGES)
def test_every_page_allows_only_what_carries_its_own_nonce(around: Surroundings, path: str) -> None:
    first, second = (around.browser().get(path) for _ in range(2))
    policy = first.headers["Content-Security-Policy"]
    nonce = re.search(r"script-src 'nonce-([^']+)'", policy)
    assert nonce is not None

    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert policy != second.headers["Content-Security-Policy"]
    for tag in re.findall(r"<(?:script|link nonce)[^>]*>", first.text):
        assert f'nonce="{nonce[1]}"' in tag
    assert not re.findall(r"<[^>]+ (?:style|on[a-z]+)=", first.text)
    assert "://" not in "".join(re.findall(r'(?:src|<link[^>]*href)="([^"]*)"', first.text))


@pytest.mark.parametrize("path", PAGES)
def test_every_page_has_the_security_headers_and_a_trace_id(around: Surroundings, path: str) -> None:
    headers = around.browser().get(path).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert re.fullmatch(r"[0-9a-f]{32}", headers["Trace-Id"])


def test_the_start_page_counts_what_the_catalog_publishes(around: Surroundings) -> None:
    def courses(asked: Asked) -> dict[str, object]:
        start = int(asked.query.get("cursor", ["0"])[0])
        return {"items": [{}] * 500 if start == 0 else [{}] * 61, "next": "500" if start == 0 else None}

    around.neighbour.answers = {"/v1/courses": courses, "/v1/sessions": {"items": [{}] * 12, "next": None}}
    with around.app.app_context():
        around.runtime.catalog._counts._until = 0.0
    page = around.browser().get("/").text

    assert "561" in page
    assert re.search(r"figure-number\">12<", page)
    assert next(asked for asked in around.neighbour.asked if asked.path == "/v1/sessions").query["status"] == ["open"]


@pytest.mark.parametrize("answer", [(500, {}), b"no json", {"items": None, "next": None}, [], {"next": None}])
def test_the_start_page_stands_while_the_catalog_is_away(around: Surroundings, answer: object) -> None:
    around.neighbour.answers = {"/v1/courses": answer}
    around.runtime.catalog._counts._until = 0.0
    page = around.browser().get("/")

    assert page.status_code == 200
    assert "Not available at the moment" in page.text


def test_the_start_page_names_every_cluster_of_the_three_partnerships(around: Surroundings) -> None:
    page = around.browser().get("/").text

    assert len(around.runtime.partnerships.partnerships) == 3
    for cluster in around.runtime.partnerships.clusters:
        assert cluster.name.replace("'", "&#39;").replace("&", "&amp;").replace("&amp;#", "&#") in page


def test_people_get_a_page_and_programs_a_problem(around: Surroundings) -> None:
    browser = around.browser()
    page = browser.get("/nothing-here", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    below = browser.get("/v1/nothing-here", headers={"Accept": "text/html"})
    program = browser.get("/nothing-here", headers={"Accept": "application/json"})

    assert page.status_code == below.status_code == program.status_code == 404
    assert page.content_type.startswith("text/html")
    assert "There is no such page" in page.text
    for answer in (below, program):
        assert answer.content_type == "application/problem+json"
        assert json.loads(answer.text)["code"] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", "/verify", 405),
        ("GET", "/sign-out", 405),
        ("POST", "/", 405),
        ("GET", "/verify/", 404),
        ("GET", "/static/../app.py", 404),
        ("GET", "/static/nothing.css", 404),
        ("GET", "/%00", 404),
        ("GET", "/language/xx", 404),
    ],
)
def test_wrong_requests_are_answered_with_a_page(around: Surroundings, method: str, path: str, status: int) -> None:
    answer = around.browser().open(path, method=method)

    assert answer.status_code == status
    assert answer.content_type.startswith("text/html")


def test_a_visitor_reads_the_language_of_their_browser_and_may_pick_another(around: Surroundings) -> None:
    browser = around.browser()
    german = {"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}

    assert '<html lang="de">' in browser.get("/", headers=german).text
    assert "Zertifikat prüfen" in browser.get("/", headers=german).text
    browser.get("/language/en?next=/verify")
    assert "Verify a certificate" in browser.get("/", headers=german).text
    assert '<html lang="en">' in browser.get("/", headers={"Accept-Language": "xx"}).text


def test_every_sentence_is_translated_into_every_language() -> None:
    from babel.messages.extract import extract_from_dir
    from babel.messages.pofile import read_po

    where = languages.FOLDER.parent
    found = extract_from_dir(
        where,
        [("**.py", "python"), ("templates/**.html", "jinja2")],
        keywords={"_": None, "_l": None, "ngettext": (1, 2)},
    )
    sentences = {entry[2] for entry in found} | set(CODES.values())
    assert len(sentences) > 50
    for path in languages.FOLDER.glob("*/LC_MESSAGES/messages.po"):
        with path.open("rb") as source:
            catalog = read_po(source)
        translated = {message.id for message in catalog if message.id and message.string and not message.fuzzy}
        assert sentences - translated == set(), path
        assert translated - sentences == set(), path
        assert [error for message in catalog for error in message.check(catalog)] == []


def test_files_are_kept_for_ever_and_come_compressed(around: Surroundings) -> None:
    page = around.browser().get("/").text
    address = re.search(r'href="(/static/[^"]+/tabler.min.css)"', page)
    assert address is not None
    with around.browser().get(address[1], headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Encoding"] == "gzip"
        assert len(gzip.decompress(answer.data)) > 400_000


def test_the_services_descriptions_are_joined_and_say_what_is_missing(around: Surroundings) -> None:
    def one(path: str) -> dict[str, object]:
        return {
            "openapi": "3.1.0",
            "info": {"title": "x", "version": "1"},
            "paths": {path: {"get": {"responses": {}}}},
            "components": {"schemas": {"Problem": {"type": "object"}}},
        }

    around.neighbour.answers = {f"/v1/{name}/openapi.json": one(f"/v1/{name}") for name in ("catalog", "directory")}
    around.runtime.documents._joined._until = 0.0
    answer = around.browser().get("/openapi.json")
    document = json.loads(answer.text)

    assert set(document["paths"]) == {"/v1/catalog", "/v1/directory"}
    assert document["servers"] == [{"url": PUBLIC}]
    assert sorted(document["x-missing"]) == ["certificate", "enrolment"]
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_descriptions_that_contradict_each_other_do_not_break_the_page(around: Surroundings) -> None:
    for name, kind in (("catalog", "object"), ("directory", "string")):
        around.neighbour.answers[f"/v1/{name}/openapi.json"] = {
            "openapi": "3.1.0",
            "paths": {},
            "components": {"schemas": {"Thing": {"type": kind}}},
        }
    around.runtime.documents._joined._until = 0.0
    document = json.loads(around.browser().get("/openapi.json").text)

    assert document["components"]["schemas"]["Thing"] == {"type": "string"}
    assert "catalog" in document["x-missing"]


def test_the_menu_shows_what_a_role_may_use(around: Surroundings) -> None:
    guest, worker, trainer = (
        browser.get("/verify").text.partition("</nav>")[0]
        for browser in (around.browser(), around.signed_in(roles=["worker"]), around.signed_in(roles=["trainer"]))
    )

    assert 'href="/docs"' in guest
    assert 'href="/docs"' not in worker
    assert 'href="/docs"' in trainer


def test_it_is_alive_and_ready(around: Surroundings) -> None:
    browser = around.browser()

    assert browser.get("/health/live").status_code == 200
    assert browser.get("/health/ready").status_code == 200


def test_the_catalogue_shows_counts_skills_and_what_was_probably_meant(around: Surroundings) -> None:
    found: dict[str, object] = {
        "items": [],
        "next": None,
        "total": 0,
        "did_you_mean": "welding",
        "facets": {"category": [{"value": "digital", "count": 12}], "country": [{"value": "DE", "count": 3}]},
    }
    around.neighbour.answers = {"/v1/courses": found}
    page = around.browser().get("/courses?q=weldign&free_seats=1").text
    asked = next(one for one in around.neighbour.asked if one.path == "/v1/courses")

    assert asked.query["facets"] == ["true"]
    assert asked.query["free_seats"] == ["1"]
    assert "Digital (12)" in page
    assert "DE (3)" in page
    assert "q=welding" in page
    assert "Free seats: 1 or more" in page


def test_the_catalogue_offers_the_skills_of_what_was_found(around: Surroundings) -> None:
    skill = {"value": "esco:x", "count": 4, "labels": {"en": "robotics"}}
    course = {
        "id": "c",
        "titles": {"en": "Robots"},
        "descriptions": {},
        "default_language": "en",
        "skill_category": "digital",
    }
    around.neighbour.answers = {
        "/v1/courses": {"items": [course], "next": None, "total": 1, "did_you_mean": None, "facets": {"skill": [skill]}}
    }
    page = around.browser().get("/courses").text

    assert "skill=esco%3Ax" in page
    assert "1 course<" in page
