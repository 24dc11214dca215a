"""The demo's mail server: takes every mail into a folder, which the pages show at `/mail`, and sends nothing on."""

from __future__ import annotations

import argparse
import signal
import smtplib
import sys
import threading
from pathlib import Path
from typing import Final

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.local.part import Part
from services.portal.mailbox import Mailbox
from shared.clock import new_id

SENDER: Final = "no-reply@clusterskills.example"
_HOST: Final = "127.0.0.1"
_LARGEST: Final = 5 * 1024 * 1024


def part(folder: Path, port: int) -> Part:
    """Return the row."""
    return Part(
        name="mail",
        command=(sys.executable, "-m", "deploy.local.mailbox", str(folder), str(port)),
        ports={"mail": port},
        cwd=Path(__file__).parents[2],
        healthy=lambda: _greets(port),
    )


def settings(port: int) -> dict[str, str]:
    """Return what programs that send mail are told."""
    return {
        "CLUSTERSKILLS_SMTP_HOST": _HOST,
        "CLUSTERSKILLS_SMTP_PORT": str(port),
        "CLUSTERSKILLS_SMTP_STARTTLS": "false",
        "CLUSTERSKILLS_SMTP_AUTH": "false",
        "CLUSTERSKILLS_SMTP_USER": "",
        "CLUSTERSKILLS_SMTP_PASSWORD": "",
        "CLUSTERSKILLS_MAIL_FROM": SENDER,
    }


class _Keeper:
    """aiosmtpd's handler."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        self._mailbox.put(envelope.original_content or b"", new_id)
        return "250 Kept"


def serve(folder: Path, port: int) -> Controller:
    """Begin to take mail on this port of the loopback address; `stop` of what is returned ends it."""
    controller = Controller(_Keeper(Mailbox(folder)), hostname=_HOST, port=port, data_size_limit=_LARGEST)
    controller.start()
    return controller


def _greets(port: int) -> bool:
    try:
        with smtplib.SMTP(_HOST, port, timeout=5) as client:
            return client.noop()[0] == 250
    except (OSError, smtplib.SMTPException):
        return False


def main() -> None:
    """Take mail until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("port", type=int)
    given = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: ended.set())
    controller = serve(given.folder, given.port)
    ended.wait()
    controller.stop()


if __name__ == "__main__":
    main()
