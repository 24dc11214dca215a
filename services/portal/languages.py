"""Languages of the pages. English stands in the templates; every other one is a folder with a `messages.po`.

A new language needs its `translations/<code>/LC_MESSAGES/messages.po` and nothing else: it is read at boot, so no
compiled catalog lies in the repository.
"""

import re
from collections.abc import Mapping
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Final

from babel import Locale, UnknownLocaleError
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import Flask, Request, current_app, g, request
from flask_babel import Babel, Domain, LazyString, get_locale, gettext, lazy_gettext

SOURCE: Final = "en"
PSEUDO: Final = "en-XA"
"""English with accents, a third longer, in brackets: what fits and is bracketed in it has been thought of. Demo only."""
COOKIE: Final = "language"
FOLDER: Final = Path(__file__).with_name("translations")
_SPOKEN: Final = ("bg", "ca", "cs", "de", "en", "es", "fr", "hu", "it", "nl", "pl", "pt", "sr")
_PARAMETER: Final = re.compile(r"(%\([a-z_]+\)[sd])")
_ACCENTS: Final = str.maketrans("aceinosuyACEINOSUY", "áçéíñöšüýÁÇÉÍÑÖŠÜÝ")


def _(sentence: str) -> str:
    """A sentence in the visitor's language."""
    return str(gettext(sentence))


def _l(sentence: str) -> LazyString:
    """A sentence that is put into the visitor's language when it is shown."""
    return lazy_gettext(sentence)


def language() -> str:
    """The language of this request, as its BCP 47 tag."""
    return str(get_locale() or SOURCE).replace("_", "-")


class PoDomain(Domain):  # type: ignore[misc]  # the package has no types
    """Catalogs straight from their source files."""

    def get_translations(self) -> NullTranslations:
        """Those of this request's language."""
        locale = get_locale()
        if locale is not None and "pseudo" in g:
            return Pseudo()
        return _catalog(str(locale)) if locale else NullTranslations()


class Pseudo(NullTranslations):
    """Sentences that nobody wrote: longer, accented, bracketed; their parameters stay."""

    def ugettext(self, message: str) -> str:
        """A sentence of the templates, dressed up."""
        parts = _PARAMETER.split(message)
        dressed = "".join(part if place % 2 else part.translate(_ACCENTS) for place, part in enumerate(parts))
        return f"⟦{dressed} {'·' * (len(message) // 3)}⟧"

    def ungettext(self, one: str, many: str, number: int) -> str:
        """The same of a sentence with a number."""
        return self.ugettext(one if number == 1 else many)


class _Babel(Babel):  # type: ignore[misc]
    domain_instance = PoDomain()


@cache
def languages() -> dict[str, str]:
    """Each language's code and own name, English first."""
    codes = [SOURCE, *sorted(path.parents[1].name for path in FOLDER.glob("*/LC_MESSAGES/messages.po"))]
    return {code: _own_name(code) for code in codes}


def speak(app: Flask) -> None:
    """Let the application's templates and sentences speak the visitor's language."""
    _Babel(app, default_locale=SOURCE, locale_selector=lambda: chosen(request))


def chosen(asked: Request) -> str:
    """The language a visitor picked, else the best that their browser asks for, else English."""
    picked = asked.cookies.get(COOKIE, "")
    if picked == PSEUDO and current_app.config.get("DEMO"):
        g.pseudo = True
        return SOURCE
    if picked in languages():
        return picked
    return asked.accept_languages.best_match(languages(), default=SOURCE)


def best_text(texts: Mapping[str, str] | None, default: str = "") -> str:
    """Of a text in several languages the one in the visitor's, else the default language's, else English, else any."""
    found = texts or {}
    wanted = (language(), language().partition("-")[0], default, SOURCE)
    return next((found[code] for code in wanted if code in found), next(iter(found.values()), ""))


@cache
def _catalog(code: str) -> NullTranslations:
    path = FOLDER / code / "LC_MESSAGES" / "messages.po"
    if not path.exists():
        return NullTranslations()
    compiled = BytesIO()
    with path.open("rb") as source:
        write_mo(compiled, read_po(source, locale=code))
    compiled.seek(0)
    return Translations(compiled)


def spoken(also: str | None = None) -> list[tuple[str, str]]:
    """Languages that people of the clusters speak, with their own names; `also` one that is known of somebody."""
    codes = [*_SPOKEN, *([also] if also and also not in _SPOKEN else [])]
    return [(code, _own_name(code)) for code in codes]


def name_of(code: str) -> str:
    """What a language is called in the visitor's; its code when nobody knows."""
    try:
        return str(Locale.parse(code, sep="-").get_display_name(get_locale()) or code)
    except (ValueError, UnknownLocaleError):
        return code


def _own_name(code: str) -> str:
    try:
        name = Locale.parse(code, sep="-").get_display_name(code) or code
    except (ValueError, UnknownLocaleError):
        return code
    return name[0].upper() + name[1:]
