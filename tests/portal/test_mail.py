"""The demo's mailbox: mails taken by SMTP, shown to this machine and to nobody else, and never as anything but text."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Browser

from deploy.local import mailbox as server
from deploy.local import ports
from services.portal.languages import PSEUDO
from services.portal.mailbox import MOST, Mailbox
from shared.clock import new_id
from tests.portal.conftest import Surroundings
from tests.portal.test_browser import LOOKS, address, forgotten, look

__all__ = ["address"]


def letter(subject: str, text: str = "", *, html: str = "") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "no-reply@skills.example", "ana@example.org", subject
    mail["Date"] = "Tue, 01 Sep 2026 10:00:00 +0000"
    if text:
        mail.set_content(text)
    if html:
        mail.add_alternative(html, subtype="html") if text else mail.set_content(html, subtype="html")
    return mail


@pytest.fixture
def folder(around: Surroundings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The portal's mailbox."""
    mails = tmp_path / "mail"
    settings = replace(around.runtime.settings, mail_folder=str(mails))
    monkeypatch.setitem(around.app.extensions, "portal", replace(around.runtime, settings=settings))
    return mails


@pytest.fixture
def post(folder: Path) -> Iterator[smtplib.SMTP]:
    """A connection to the mail server."""
    (port,) = ports.find_free(1)
    running = server.serve(folder, port)
    try:
        with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
            yield client
    finally:
        running.stop()


def near(around: Surroundings) -> FlaskClient:
    """A browser on this machine."""
    browser = around.browser()
    browser.environ_base["HTTP_X_FORWARDED_FOR"] = "127.0.0.1"
    return browser


def test_a_mail_that_was_taken_is_shown_with_its_links(around: Surroundings, post: smtplib.SMTP) -> None:
    post.send_message(letter("Passwort zurücksetzen", "Guten Tag, öffnen Sie https://skills.example/x?a=1&b=2."))
    browser = near(around)
    listed = browser.get("/mail").text
    page = browser.get("/mail/" + listed.split('href="/mail/')[1].split('"')[0]).text

    assert "Passwort zurücksetzen" in listed
    assert 'Guten Tag, öffnen Sie <a href="https://skills.example/x?a=1&amp;b=2"' in page
    assert "</a>." in page


@pytest.mark.parametrize("text", ["", "As text: <script>alert(1)</script>"])
def test_what_a_mail_says_is_text_whatever_it_holds(around: Surroundings, post: smtplib.SMTP, text: str) -> None:
    post.send_message(letter("<img src=x>", text, html="<script>alert(1)</script><b>bold</b>"))
    browser = near(around)
    listed = browser.get("/mail").text
    page = browser.get("/mail/" + listed.split('href="/mail/')[1].split('"')[0]).text

    assert "<img src=x>" not in listed + page
    assert "alert(1)</script>" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_the_mailbox_is_there_for_this_machine_and_in_a_demo_only(around: Surroundings, folder: Path) -> None:
    Mailbox(folder).put(letter("x").as_bytes(), new_id)
    kept = Mailbox(folder).newest()[0].id

    assert [near(around).get(path).status_code for path in ("/mail", f"/mail/{kept}")] == [200, 200]
    assert [around.browser().get(path).status_code for path in ("/mail", f"/mail/{kept}")] == [404, 404]


def test_without_a_folder_there_is_no_mailbox(around: Surroundings) -> None:
    assert near(around).get("/mail").status_code == 404


@pytest.mark.parametrize("mail_id", ["nothing", "0", "..%2Fsecrets", "%2e%2e", "a" * 65])
def test_a_mail_that_is_not_there_is_404(around: Surroundings, folder: Path, mail_id: str) -> None:
    folder.mkdir()
    (folder.parent / "secrets.eml").write_text("Subject: secret\n\nsecret")

    assert near(around).get(f"/mail/{mail_id}").status_code == 404


def test_mails_that_nobody_could_have_written_are_shown_as_far_as_they_can_be_read(
    around: Surroundings, folder: Path
) -> None:
    for content in (b"", b"\xff\xfe\x00", b"Subject: =?x?q?=ff?=\nContent-Type: text/plain; charset=nothing\n\n\xff"):
        Mailbox(folder).put(content, new_id)
    browser = near(around)

    assert browser.get("/mail").text.count('href="/mail/') == 3
    assert {browser.get(f"/mail/{mail.id}").status_code for mail in Mailbox(folder).newest()} == {200}


def test_the_newest_come_first_and_the_oldest_go(folder: Path) -> None:
    for number in range(MOST + 2):
        Mailbox(folder).put(letter(str(number)).as_bytes(), new_id)
    subjects = [mail.subject for mail in Mailbox(folder).newest()]

    assert subjects == [str(number) for number in range(MOST + 1, 1, -1)]


def test_a_mail_that_is_too_large_is_refused(post: smtplib.SMTP, folder: Path) -> None:
    with pytest.raises(smtplib.SMTPException):
        post.send_message(letter("large", "x" * 70 + "\n" * 6 * 1024 * 1024))

    assert Mailbox(folder).newest() == []


@pytest.mark.parametrize("style", LOOKS)
def test_the_mailbox_is_clean_and_translated(
    around: Surroundings, chromium: Browser, address: str, folder: Path, style: str
) -> None:
    Mailbox(folder).put(letter("A long subject " * 9, "https://skills.example/" + "x" * 300).as_bytes(), new_id)
    kept = Mailbox(folder).newest()[0].id
    with look(chromium, address, style) as seen:
        seen.page.set_extra_http_headers({"X-Forwarded-For": "127.0.0.1"})
        for path in ("/mail", f"/mail/{kept}"):
            seen.go(path)
            seen.picture(f"mail-{len(path)}-{style}")
            assert seen.violations() == []
            assert seen.complaints == []
            assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        seen.go(f"/language/{PSEUDO}?next=/mail/{kept}")

        assert forgotten(seen.page) == []
