"""Files for the browser: our own from `static/`, others' from the folder that set-up unpacked. Served by whitenoise.

Addresses carry a hash of the content, so browsers keep the files for ever and fetch them anew when they change.
"""

import hashlib
import re
from collections.abc import MutableMapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup
from whitenoise import WhiteNoise

OWN: Final = Path(__file__).with_name("static")
_NAME: Final = re.compile(r"[a-z0-9-]+")


class Frontend:
    """The two folders of files. SystemExit at boot when the unpacked one is not what set-up makes."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._icons: dict[str, Markup] = {}
        if not (self.served / "tabler.min.css").is_file():
            raise SystemExit(
                f"CLUSTERSKILLS_FRONTEND_DIR={folder} does not hold the front-end files: run set-up again."
            )

    @property
    def served(self) -> Path:
        """What browsers may fetch of others' files."""
        return self._folder / "served"

    def address(self, name: str) -> str:
        """The path of a file by its name."""
        for prefix, folder in self._folders.items():
            if (folder / name).is_file():
                return f"/{prefix}/{name}"
        raise FileNotFoundError(name)

    def icon(self, name: str) -> Markup:
        """A picture of bootstrap-icons to stand in the page. It is decoration: the words beside it say what it means."""
        if name not in self._icons:
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no icon's name")
            text = (self._folder / "icons" / f"{name}.svg").read_text(encoding="utf-8")
            self._icons[name] = Markup(text.strip().replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1))  # noqa: S704 - a file of ours
        return self._icons[name]

    def serve(self, application: Any) -> WhiteNoise:
        """The application with the files before it."""
        server = WhiteNoise(
            application,
            max_age=31_536_000,
            immutable_file_test=lambda _path, _url: True,
            allow_all_origins=False,
            add_headers_function=_add_headers,
        )
        for prefix, folder in self._folders.items():
            server.add_files(str(folder), prefix=f"{prefix}/")
        return server

    @cached_property
    def _folders(self) -> dict[str, Path]:
        return {f"static/{_fingerprint(OWN)}": OWN, f"static/{_fingerprint(self.served)}": self.served}


def _fingerprint(folder: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        found.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()[:12]


def _add_headers(headers: MutableMapping[str, str], _path: str, _url: str) -> None:
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
