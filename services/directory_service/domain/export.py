"""A person's data as one archive: a file for each part, and a receipt that says what is in them."""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

DIRECTORY: Final = "directory.json"
ENROLMENTS: Final = "enrolments.ndjson"
CERTIFICATES: Final = "certificates.ndjson"
READS: Final = "reads.ndjson"
RECEIPT: Final = "receipt.json"
_ABOUT: Final = (
    "All that this platform holds of you. directory.json: your record, employments and consents. enrolments.ndjson and"
    " certificates.ndjson: what happened to your enrolments and certificates, oldest first. reads.ndjson: who read your"
    " data in the directory, newest first. `up_to` says until when other services were heard."
)


@dataclass(frozen=True, slots=True)
class Fact:
    """What another service told of a person, and in which file of the archive it stands."""

    file: str
    told: Mapping[str, Any]


def archive(
    parts: Mapping[str, Sequence[Any] | Mapping[str, Any]], *, person_ids: Sequence[str], made_at: datetime, up_to: Any
) -> bytes:
    """A ZIP with a file for each part, and `receipt.json`: how many items each has, and its SHA-256."""
    files = {name: _text(content) for name, content in parts.items()}
    receipt = {
        "about": _ABOUT,
        "person_ids": list(person_ids),
        "made_at": made_at.isoformat(),
        "up_to": up_to,
        "files": [
            {
                "name": name,
                "items": len(parts[name]) if not isinstance(parts[name], Mapping) else 1,
                "sha256": hashlib.sha256(text).hexdigest(),
            }
            for name, text in files.items()
        ],
    }
    return _zip({**files, RECEIPT: _text(receipt)}, made_at)


def _text(content: Sequence[Any] | Mapping[str, Any]) -> bytes:
    """JSON for one thing, a line of it for each of many."""
    if isinstance(content, Mapping):
        return (json.dumps(content, ensure_ascii=False, indent=2, default=_plain) + "\n").encode()
    return "".join(json.dumps(item, ensure_ascii=False, default=_plain) + "\n" for item in content).encode()


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _zip(files: Mapping[str, bytes], made_at: datetime) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        for name, text in files.items():
            made.writestr(zipfile.ZipInfo(name, made_at.timetuple()[:6]), text, zipfile.ZIP_DEFLATED)
    return target.getvalue()
