"""The demo's mailbox: a folder with one file for each mail. The stack's mail server writes into it, pages read it."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

from shared.errors import NotFound

MOST: Final = 200
"""Mails that are kept; the oldest go."""
_ID: Final = re.compile(r"[0-9a-f-]{1,64}")
_PARSER: Final = BytesParser(policy=policy.default)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail. `at` is None where the mail does not say when it was written; `text` is its plain part."""

    id: str
    sender: str
    recipient: str
    subject: str
    at: datetime | None
    text: str


class Mailbox:
    """The mails of a folder. One process writes, any number read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, content: bytes, new_id: Callable[[], str]) -> None:
        """Keep a mail; readers see it as a whole or not at all. Ids sort by their time."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        scratch = self._folder / f".{os.getpid()}.part"
        scratch.write_bytes(content)
        scratch.rename(self._folder / f"{new_id()}.eml")
        for old in self._files()[MOST:]:
            old.unlink(missing_ok=True)

    def newest(self) -> list[Mail]:
        """All of them, the newest first."""
        return [self._read(file) for file in self._files()]

    def get(self, mail_id: str) -> Mail:
        """The mail, or NotFound."""
        file = self._folder / f"{mail_id}.eml"
        if not _ID.fullmatch(mail_id) or not file.is_file():
            raise NotFound(f"No mail {mail_id}.")
        return self._read(file)

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("*.eml"), reverse=True)

    def _read(self, file: Path) -> Mail:
        message = _PARSER.parsebytes(file.read_bytes())
        return Mail(
            id=file.stem,
            sender=str(message["From"] or ""),
            recipient=str(message["To"] or ""),
            subject=str(message["Subject"] or ""),
            at=_written(message),
            text=_text(message),
        )


def _written(message: EmailMessage) -> datetime | None:
    try:
        return parsedate_to_datetime(str(message["Date"]))
    except ValueError:
        return None


def _text(message: EmailMessage) -> str:
    part = message.get_body(preferencelist=("plain", "html"))
    if part is None:
        return ""
    try:
        return str(part.get_content()).replace("\r\n", "\n").strip()
    except (LookupError, ValueError):  # an encoding that nobody knows
        return ""
