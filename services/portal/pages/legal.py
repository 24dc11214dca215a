"""Who runs this installation, what it does with personal data, how accessible it is, and how to reach somebody."""

from dataclasses import dataclass
from typing import Final

from flask import Blueprint, Response, render_template
from flask_babel import LazyString

from services.portal.languages import _l
from services.portal.runtime import runtime
from shared.http.app import public

pages = Blueprint("legal", __name__)


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it."""

    heading: LazyString
    sentences: tuple[LazyString, ...]
    link: tuple[str, LazyString] | None = None


PRIVACY: Final = (
    Section(
        _l("What is stored"),
        (
            _l("Name, mail address and language of the people whom a cluster or an employer registers."),
            _l("Where they work, which courses they applied for, attendance, results and certificates."),
            _l("Events between the services contain ids, not names."),
        ),
    ),
    Section(
        _l("Who sees it"),
        (
            _l("You, your cluster's management, and the trainers of your sessions as far as they need it."),
            _l("Your employer sees results only with your consent, which you can withdraw at any time."),
            _l("Anyone who verifies a certificate sees your name only with the link or code that you shared."),
        ),
    ),
    Section(
        _l("Cookies"),
        (
            _l(
                "One for your session, one while you sign in, one for your language. None for advertising or statistics."
            ),
            _l("Nothing on these pages is loaded from other sites, except your cluster's logo where it has one."),
        ),
    ),
    Section(
        _l("Your rights"),
        (
            _l("Signed in, you see what is stored about you and who read it, download all of it, and erase it."),
            _l("To have something corrected, or erased without a login, ask your cluster or the contact below."),
            _l("After erasure nobody can read your name any more; numbers of courses taken remain as statistics."),
        ),
        ("/my-data", _l("My data")),
    ),
)
ACCESSIBILITY: Final = (
    Section(
        _l("How accessible these pages are"),
        (
            _l("They aim at WCAG 2.2, level AA. Every page is tested by program and used with the keyboard alone."),
            _l("They work without JavaScript, at 390 pixels width, and in light and dark colours as your system asks."),
        ),
    ),
    Section(
        _l("What is known not to be"),
        (
            _l("The API reference needs JavaScript and is in English; the documents that it shows need neither."),
            _l("The sign-in pages are those of Keycloak in our look; they are tested in the same way."),
        ),
    ),
    Section(
        _l("If something does not work for you"),
        (_l("Write to the contact below; we provide what you need in another way."),),
    ),
)
IMPRINT: Final = (
    Section(_l("The software"), (_l("ClusterSkills is free software under the European Union Public Licence 1.2."),)),
)
CONTACT: Final = (
    Section(
        _l("Whom to ask"),
        (
            _l("About a course, a seat or a certificate: the cluster or provider that is named there."),
            _l("About your login, your data or these pages: the operator."),
        ),
    ),
)


@pages.get("/imprint")
@public
def imprint() -> Response:
    """Who runs this."""
    return _page(_l("Imprint"), IMPRINT)


@pages.get("/privacy")
@public
def privacy() -> Response:
    """What happens to personal data."""
    return _page(_l("Privacy"), PRIVACY)


@pages.get("/accessibility")
@public
def accessibility() -> Response:
    """How accessible the pages are."""
    return _page(_l("Accessibility"), ACCESSIBILITY)


@pages.get("/contact")
@public
def contact() -> Response:
    """Whom to ask."""
    return _page(_l("Contact"), CONTACT)


def _page(title: LazyString, sections: tuple[Section, ...]) -> Response:
    settings = runtime().settings
    page = render_template(
        "text.html",
        title=title,
        sections=sections,
        operator=settings.operator_name,
        address=settings.operator_address,
        mail=settings.operator_email,
    )
    return Response(page)
