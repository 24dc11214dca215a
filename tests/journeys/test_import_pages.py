"""A manager imports people from a spreadsheet: looks at the columns, checks, imports, mends the bad rows, imports them."""

from __future__ import annotations

import csv
import io
import uuid
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from clusterskills.demo.cast import Cast
from tests.journeys.test_pages import Person, at_work, cast
from tests.journeys.ways import WAYS
from tests.stack import Stack

__all__ = ["cast"]
pytestmark = pytest.mark.timeout(480)
_HEADER = [
    "Personalnummer",
    "Vorname",
    "Nachname",
    "E-Mail",
    "Firma",
    "Eintritt",
    "Einwilligung",
    "how",
    "consent date",
]


def _sheet(mark: str, company: str) -> list[list[str]]:
    """200 rows, of which five are wrong."""
    rows = [
        [
            f"{mark}-{n}",
            "Jana",
            f"Nová {n}",
            f"jana{n}@example.org",
            company,
            "2026-03-01",
            "ja",
            "Formular",
            "02.03.2026",
        ]
        for n in range(1, 201)
    ]
    rows[9][3] = "no mail address"
    rows[49][4] = "Nobody knows this company"
    rows[99][5] = "31.02.2026"
    rows[149][6] = "maybe"
    rows[199][1] = ""
    return rows


def _csv(header: list[str], rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";")
    writer.writerows([header, *rows])
    return text.getvalue().encode("cp1250")


def _choose(manager: Person, content: bytes) -> None:
    manager.page.set_input_files("#field-file", {"name": "people.csv", "mimeType": "text/csv", "buffer": content})
    manager.page.get_by_role("button", name="Next: columns").click()


def _until_done(manager: Person, words: str) -> None:
    """Wait for the job: the page goes on by itself, or by its link where there is no JavaScript."""
    for _ in range(240):
        if words in manager.page.locator("h1").inner_text():
            return
        again = manager.page.get_by_role("link", name="Look again")
        if again.count() and not manager.page.evaluate("typeof htmx === 'object'"):
            again.click()
        manager.page.wait_for_timeout(250)
    raise AssertionError(manager.page.locator("main").inner_text())


def _mended(failed: bytes, company: str) -> bytes:
    header, *rows = csv.reader(io.StringIO(failed.decode("utf-8-sig")))
    assert header[-2:] == ["error code", "error message"]
    assert len(rows) == 5
    for row in rows:
        row[1:7] = ["Jana", row[2], "jana@example.org", company, "2026-03-01", "ja"]
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    return text.getvalue().encode()


@WAYS
def test_a_manager_imports_200_people_mends_five_bad_rows_and_imports_them(
    stack: Stack, chromium: Browser, cast: Cast, narrow: bool, tmp_path: Path
) -> None:
    manager_api = cast.person("manager", "msac-moravia")
    cluster = manager_api.get("/v1/me").body["cluster_id"]
    organisations = manager_api.get("/v1/organisations", limit=200).body["items"]
    company = next(one["legal_name"] for one in organisations if one["cluster_id"] == cluster and one["type"] == "sme")
    mark = uuid.uuid4().hex[:8]
    with at_work(stack, chromium, "manager", narrow=narrow) as manager:
        look = manager.look_without_axe if narrow else manager.look
        manager.go("/people/import")
        look()
        _choose(manager, b"")
        expect(manager.page.get_by_role("alert")).to_contain_text("The file is empty.")
        look()
        _choose(manager, _csv(_HEADER, _sheet(mark, company)))
        expect(manager.page.locator("#field-external_id")).to_have_value("Personalnummer")
        expect(manager.page.locator("#given_name-sample")).to_contain_text("Jana")
        look()
        manager.page.select_option("#field-given_name", "")
        manager.page.get_by_role("button", name="Next: check the rows").click()
        expect(manager.page.get_by_role("alert")).to_be_visible()
        assert manager.page.title().startswith("Error:")
        manager.page.select_option("#field-given_name", "Vorname")
        manager.page.get_by_role("button", name="Next: check the rows").click()
        _until_done(manager, "195 rows can be imported")
        expect(manager.page.locator("tbody tr")).to_have_count(5)
        look()
        assert manager_api.get("/v1/people", external_id=f"{mark}-1").body["items"] == []

        manager.page.get_by_role("button", name="Import 195 rows").click()
        _until_done(manager, "195 rows were imported")
        look()
        with manager.page.expect_download() as download:
            manager.page.get_by_role("link", name="Download 5 rows to mend").click()
        file = tmp_path / "failed.csv"
        download.value.save_as(file)
        manager.page.get_by_role("link", name="Choose a mended file").click()
        _choose(manager, _mended(file.read_bytes(), company))
        manager.page.get_by_role("button", name="Next: check the rows").click()
        _until_done(manager, "5 rows can be imported")
        manager.page.get_by_role("button", name="Import 5 rows").click()
        _until_done(manager, "5 rows were imported")
        expect(manager.page.locator("main")).to_contain_text("Every row was taken.")
    assert len(manager_api.get("/v1/people", external_id=f"{mark}-200").body["items"]) == 1
