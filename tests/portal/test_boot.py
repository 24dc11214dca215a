"""What the portal needs to start, what it does without, and how it stands while MongoDB is away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.identity import ids
from deploy.local import frontend
from services import manifests
from services.portal.app import create_app
from services.portal.frontend import Frontend
from services.portal.partnerships import Partnerships
from services.portal.site import Portal
from shared.http.app import public
from tests.portal.neighbourhood import Provider

_NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def settings(portal_settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """A portal's settings with nobody there but the identity provider."""
    with Provider() as provider:
        found = {
            **portal_settings,
            "PUBLIC_URL": "http://skills.example",
            "SESSION_SECRET": "a secret of the tests",
            "MONGO_URL": "mongodb://127.0.0.1:9/?directConnection=true",
            "OIDC_ISSUER": provider.issuer,
            "OIDC_JWKS_URL": f"{provider.issuer}/certs",
            "OIDC_TOKEN_URL": f"{provider.issuer}/token",
            "SERVICES": " ".join(f"{one.name}={_NOBODY}" for one in manifests() if not one.pages),
        }
        for name, value in found.items():
            monkeypatch.setenv(f"CLUSTERSKILLS_{name}", value)
        yield provider


@pytest.fixture
def alone(settings: Provider) -> Iterator[Portal]:
    """A portal with nobody there but the identity provider."""
    app = create_app()
    yield app
    app.extensions["portal"].close()


def test_public_pages_stand_while_mongodb_is_away(alone: Portal) -> None:
    browser = alone.test_client()
    browser.set_cookie("portal-session", "x" * 43)

    assert browser.get("/").status_code == 200
    assert browser.get("/verify").status_code == 200
    assert browser.get("/health/live").status_code == 200


def test_signing_in_while_mongodb_is_away_says_try_again(alone: Portal) -> None:
    answer = alone.test_client().get("/sign-in")

    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert answer.content_type.startswith("text/html")


def test_it_is_not_ready_while_mongodb_is_away(alone: Portal) -> None:
    assert alone.test_client().get("/health/ready").status_code == 503


def test_every_route_is_marked_as_public_or_checks_who_asks(alone: Portal) -> None:
    unmarked = [
        rule.rule
        for rule in alone.url_map.iter_rules()
        if not getattr(alone.view_functions[rule.endpoint], public.__name__, False)
    ]

    assert unmarked == []


@pytest.mark.parametrize("name", ["SESSION_SECRET", "OIDC_ISSUER", "FRONTEND_DIR", "MONGO_URL", "SERVICES"])
def test_it_does_not_start_without_a_setting_and_names_it(
    settings: Provider, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv(f"CLUSTERSKILLS_{name}")

    with pytest.raises(SystemExit, match=f"CLUSTERSKILLS_{name} is not set"):
        create_app()


def test_it_does_not_start_with_an_empty_folder_of_files(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="CLUSTERSKILLS_FRONTEND_DIR"):
        Frontend(str(tmp_path))


@pytest.mark.parametrize("content", [None, "", "[]", '{"clusters": [{}]}'])
def test_it_does_not_start_with_a_broken_file_of_partnerships(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "partnerships.json"
    if content is not None:
        file.write_text(content)

    with pytest.raises(SystemExit, match="CLUSTERSKILLS_PARTNERSHIPS_FILE"):
        Partnerships.read(str(file))


def test_without_a_file_there_are_no_partnerships() -> None:
    assert Partnerships.read("").partnerships == ()


def test_the_launchers_partnerships_carry_the_tenants_ids_of_the_realm(portal_settings: dict[str, str]) -> None:
    found = Partnerships.read(portal_settings["PARTNERSHIPS_FILE"])

    assert found.cluster_name(ids.cluster_id("caar-aragon")) == "Automotive Cluster of Aragon (CAAR)"
    assert found.cluster_name("unknown") == found.cluster_name(None) == ""
    assert [len(found.members(one)) for one in found.partnerships] == [6, 6, 5]


def test_the_front_end_files_are_unpacked_once_and_whole() -> None:
    folder = frontend.folder(print)

    assert frontend.folder(print) == folder
    assert {file.name for file in (folder / "served").iterdir()} >= {"tabler.min.css", "htmx.min.js"}
    assert len(list((folder / "icons").iterdir())) > 1000


def test_an_icon_is_found_by_name_only(portal_settings: dict[str, str]) -> None:
    files = Frontend(portal_settings["FRONTEND_DIR"])

    assert files.icon("search").startswith("<svg aria-hidden")
    with pytest.raises(ValueError, match="icon"):
        files.icon("../licences/htmx")


def test_every_answer_of_a_program_is_json(alone: Portal) -> None:
    browser = alone.test_client()

    assert json.loads(browser.get("/v1").text)["code"] == "NOT_FOUND"
    assert json.loads(browser.get("/asyncapi.json").text)["asyncapi"].startswith("3.")
    assert sorted(json.loads(browser.get("/openapi.json").text)["x-missing"]) == [
        "catalog",
        "certificate",
        "directory",
        "enrolment",
    ]
