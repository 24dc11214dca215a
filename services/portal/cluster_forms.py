"""A cluster's settings and the forms in which they are changed: what stands in an input, and what is sent of it."""

import re
from typing import Any, Final

from werkzeug.datastructures import MultiDict

from services.portal.asking import Thing

Typed = MultiDict[str, str]
COLOUR: Final = re.compile(r"#[0-9a-f]{6}")
_SHORT: Final = re.compile(r"#([0-9a-f])([0-9a-f])([0-9a-f])")
_IMPRINT: Final = ("organisation", "address", "email", "phone", "register_entry", "privacy_url")
_CONSENT: Final = ("language", "text_version", "text")


def colour_of(typed: str) -> str:
    """A colour as the services write it, of `1F4E79`, `#1f4e79` or `#abc`; what is none stays as it is."""
    text = "#" + typed.strip().lower().removeprefix("#")
    short = _SHORT.fullmatch(text)
    return "#" + "".join(letter * 2 for letter in short.groups()) if short else text


def read_brand(portal: Thing) -> dict[str, str]:
    """The form of the brand."""
    return _words(portal["brand"])


def write_brand(typed: Typed, _portal: Thing) -> dict[str, Any]:
    """The brand."""
    return {"brand": {**_given(typed, ("name", "logo_url")), "colour": colour_of(typed["colour"])}}


def read_imprint(portal: Thing) -> dict[str, str]:
    """The form of the imprint."""
    return _words(portal["imprint"])


def write_imprint(typed: Typed, _portal: Thing) -> dict[str, Any]:
    """The imprint."""
    return {"imprint": _given(typed, _IMPRINT)}


def read_languages(portal: Thing) -> dict[str, str]:
    """The form of the languages; the chosen ones are separated by line ends."""
    return {"languages": "\n".join(portal["languages"]), "default_language": portal["default_language"]}


def write_languages(typed: Typed, _portal: Thing) -> dict[str, Any]:
    """The languages and the one that is spoken where nobody chose."""
    return {"languages": typed.getlist("languages"), "default_language": typed["default_language"]}


def write_consent_text(typed: Typed, portal: Thing) -> dict[str, Any]:
    """The published texts and one more."""
    new = {"purpose": "share_results", **{name: typed[name] for name in _CONSENT}}
    return {"consent_texts": [*portal["consent_texts"], new]}


def read_rules(portal: Thing) -> dict[str, str]:
    """The form of approval and retention."""
    return {"approval": portal["approval"], **_words(portal["retention"])}


def write_rules(typed: Typed, _portal: Thing) -> dict[str, Any]:
    """Approval and retention."""
    kept = {name: _number(typed[name]) for name in ("audit_days", "inactive_person_months")}
    return {"approval": typed["approval"], "retention": kept}


def _words(part: Thing) -> dict[str, str]:
    return {name: "" if value is None else str(value) for name, value in part.items()}


def _given(typed: Typed, names: tuple[str, ...]) -> dict[str, str | None]:
    """Texts by name; null where nothing was typed."""
    return {name: typed.get(name) or None for name in names}


def _number(text: str) -> int | str | None:
    """A whole number; what is none goes to the service as it is, which says what is wrong with it."""
    return int(text) if text.isascii() and text.isdigit() else text or None
