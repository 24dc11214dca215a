"""The pages' front-end files of others: style, icons, htmx and Swagger UI, out of the archives that `frontend.lock` names.

Unpacked once into the cache: `served/` is what browsers may fetch, each file with a compressed copy beside it; `icons/`
is what the portal draws into its pages; `licences/` holds the licences that do not stand in the files themselves. What we
make of them: the dark look as a sheet of its own, so that it can follow the system without a script, and the typeface.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from deploy.local import artefacts, fetching, lettering
from deploy.local.artefacts import Artefact, Say

_WANTED: dict[str, dict[str, str]] = {
    "tabler__core": {"dist/css/tabler.min.css": "served/tabler.min.css"},
    "bootstrap-icons": {"icons/": "icons/", "LICENSE": "licences/bootstrap-icons"},
    "htmx.org": {"dist/htmx.min.js": "served/htmx.min.js", "LICENSE": "licences/htmx"},
    "swagger-ui": {
        "swagger-ui-bundle.js": "served/swagger-ui-bundle.js",
        "swagger-ui.css": "served/swagger-ui.css",
    },
}
_SQUEEZED = frozenset({".css", ".js"})
_MADE = 1
"""Counts the ways in which we have made files of theirs: another number is another folder."""
_RULE = re.compile(r"(?P<selectors>[^{}]*){(?P<body>[^{}]*)}")
_DARK = "[data-bs-theme=dark]"


def folder(say: Say) -> Path:
    """Return the folder of front-end files, downloaded and unpacked at the first use."""
    wanted = artefacts.read_lock("frontend")
    archives = fetching.fetch(wanted, "Front-end", say)
    name = f"frontend-{_fingerprint(wanted)}"
    place = artefacts.cache_folder() / name
    if not place.exists():
        with artefacts.locked(f"unpack-{name}", say):
            if not place.exists():
                _unpack_all(dict(zip(wanted, archives, strict=True)), place)
    return place


def _fingerprint(wanted: list[Artefact]) -> str:
    """Change with the files' versions and with our choice among them: browsers keep such addresses permanently."""
    text = repr([(artefact.sha256, _WANTED[_name(artefact)]) for artefact in wanted])
    text += f"{version(lettering.PACKAGE)} {_MADE}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _unpack_all(archives: dict[Artefact, Path], place: Path) -> None:
    """Make the folder appear under its name only when it is complete."""
    scratch = Path(tempfile.mkdtemp(prefix=".unpack-", dir=place.parent))
    try:
        for artefact, archive in archives.items():
            _unpack(artefact, archive, scratch)
        style = (scratch / "served" / "tabler.min.css").read_text(encoding="utf-8")
        (scratch / "served" / "tabler-dark.css").write_text(dark_rules(style), encoding="utf-8")
        lettering.make(scratch)
        for file in [file for file in (scratch / "served").iterdir() if file.suffix in _SQUEEZED]:
            file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes(), mtime=0))
        scratch.chmod(0o755)
        scratch.rename(place)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def dark_rules(style: str) -> str:
    """The rules of the dark look, without the attribute that switches them on: whoever links the sheet says when."""
    found = []
    for rule in _RULE.finditer(style):
        selectors = [one.strip() for one in rule["selectors"].split(",")]
        dark = [one.replace(_DARK, ":root", 1) for one in selectors if one.startswith(_DARK)]
        if dark:
            found.append(f"{','.join(dark)}{{{rule['body']}}}")
    return "\n".join(found) + "\n"


def _unpack(artefact: Artefact, archive: Path, target: Path) -> None:
    with zipfile.ZipFile(archive) as content:
        for member, relative in _chosen(artefact, content):
            file = target / relative
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.read(member))


def _chosen(artefact: Artefact, content: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    """Yield what we take of an archive and where it goes. A folder's files keep their names."""
    root = f"META-INF/resources/webjars/{_name(artefact)}/{artefact.coordinate.split(':')[2]}/"
    names = set(content.namelist())
    for source, target in _WANTED[_name(artefact)].items():
        if not source.endswith("/"):
            yield root + source, target
            continue
        for name in names:
            if name.startswith(root + source) and not name.endswith("/"):
                yield name, target + name.rpartition("/")[2]


def _name(artefact: Artefact) -> str:
    return artefact.coordinate.split(":")[1]
