"""A cluster's managers set it up: a part at a time, each on a page of its own, and an overview of what is left."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from babel import Locale, UnknownLocaleError
from flask import Blueprint, Response, render_template, request
from flask_babel import LazyString, get_locale
from werkzeug.datastructures import MultiDict

from services.portal import asking, branding, cluster_forms
from services.portal.asking import Thing
from services.portal.brands import Brand, brand_of
from services.portal.cluster_forms import COLOUR, Typed
from services.portal.forms import Form, refused
from services.portal.languages import _l
from services.portal.platform import Refused
from services.portal.runtime import runtime
from services.portal.visitors import require
from shared.colour import BLACK, LEAST_CONTRAST, WHITE, contrast, readable
from shared.errors import Forbidden, NotFound
from shared.http.app import public

pages = Blueprint("set_up", __name__)
_MOST: Final = 200
LANGUAGES: Final = ("bg", "ca", "cs", "de", "en", "es", "fr", "hu", "it", "nl", "pl", "pt", "sr", "sr-Latn")


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the settings. `read`: what stands in its form; `write`: what is sent of what was typed.

    `is_done`: whether a cluster can do without it no longer; None: it may stay as it came.
    """

    title: LazyString
    lead: LazyString
    read: Callable[[Thing], dict[str, str]]
    write: Callable[[Typed, Thing], dict[str, Any]]
    is_done: Callable[[Thing], bool] | None = None


SECTIONS: Final[Mapping[str, Section]] = {
    "brand": Section(
        _l("Brand"),
        _l("What your people see at the top of every page, and the colour of links and buttons."),
        cluster_forms.read_brand,
        cluster_forms.write_brand,
        lambda portal: bool(portal["brand"]["name"]),
    ),
    "imprint": Section(
        _l("Imprint"),
        _l("Who answers for your pages."),
        cluster_forms.read_imprint,
        cluster_forms.write_imprint,
        lambda portal: bool(portal["imprint"]["organisation"] and portal["imprint"]["email"]),
    ),
    "languages": Section(
        _l("Languages"),
        _l("In which languages you speak to your people. The pages themselves are in English and German so far."),
        cluster_forms.read_languages,
        cluster_forms.write_languages,
    ),
    "consent": Section(
        _l("Consent texts"),
        _l("What people read before they let their employer see results. A published version stays as it is."),
        lambda _portal: {},
        cluster_forms.write_consent_text,
        lambda portal: set(portal["languages"]) <= {text["language"] for text in portal["consent_texts"]},
    ),
    "providers": Section(
        _l("Trusted providers"),
        _l("Their courses are published when they submit them, without a review."),
        lambda _portal: {},
        lambda typed, _portal: {"trusted_provider_ids": typed.getlist("trusted_provider_ids")},
    ),
    "rules": Section(
        _l("Approval and retention"),
        _l("Whether applications need approval, and how long records are kept."),
        cluster_forms.read_rules,
        cluster_forms.write_rules,
    ),
    "origins": Section(
        _l("Allowed origins"),
        _l("Web pages of yours that may embed your portal."),
        lambda portal: {"allowed_origins": "\n".join(portal["allowed_origins"])},
        lambda typed, _portal: {"allowed_origins": typed["allowed_origins"].split()},
    ),
}


@pages.get("/set-up")
@public
def overview() -> Response:
    """What is set up, what is left, and how the pages look."""
    portal = own_portal()
    done = {name: one.is_done(portal) if one.is_done else None for name, one in SECTIONS.items()}
    brand = brand_of(portal)
    branding.allow_logo(brand)
    page = render_template(
        "set_up.html",
        portal=portal,
        sections=SECTIONS,
        done=done,
        steps=[one for one in done.values() if one is not None],
        look=brand,
        names=language_names(portal["languages"]),
        saved=SECTIONS[saved].title if (saved := request.args.get("saved", "")) in SECTIONS else "",
    )
    return Response(page)


@pages.get("/set-up/<name>")
@public
def edit(name: str) -> Response:
    """The form of one part."""
    portal = own_portal()
    return _form(name, portal, Form(_section(name).read(portal)))


@pages.post("/set-up/<name>")
@public
def save(name: str) -> Response:
    """Keep what was typed, or show how it would look."""
    require("manager")
    section, typed = _section(name), _typed(asking.checked_form())
    portal = own_portal()
    values = {key: "\n".join(typed.getlist(key)) for key in typed}
    if "preview" in typed:
        return _form(name, portal, Form(values))
    try:
        path, version = f"portals/{portal['id']}", int(typed.get("version", default=0, type=int))
        runtime().brands.learn(asking.send("PATCH", "directory", path, section.write(typed, portal), version=version))
    except Refused as error:
        names = {one.field: _input(one.field) for one in error.violations}
        return _form(name, portal, refused(values, error, names), 422)
    return asking.go_to(f"/set-up?saved={name}")


def own_portal() -> Thing:
    """The settings of the manager's cluster, as they are now."""
    cluster_id = own_cluster()
    found: Thing = asking.get("directory", f"portals/{cluster_id}")
    runtime().brands.learn(found)
    return found


def own_cluster() -> str:
    """The cluster that whoever looks at the page manages. Raises Forbidden."""
    person = require("manager")
    if person.cluster_id is None:
        raise Forbidden("This login names no cluster.", code="NO_CLUSTER")
    return person.cluster_id


def language_names(chosen: Iterable[str]) -> dict[str, str]:
    """The languages that a cluster can choose or has chosen, by their tag, in the visitor's own."""
    tags = dict.fromkeys((*LANGUAGES, *chosen))
    return {tag: _language_name(tag) for tag in tags}


def _language_name(tag: str) -> str:
    try:
        return Locale.parse(tag, sep="-").get_display_name(get_locale()) or tag
    except (ValueError, UnknownLocaleError):
        return tag


def _section(name: str) -> Section:
    if name not in SECTIONS:
        raise NotFound("There is no such part of the settings.")
    return SECTIONS[name]


def _typed(stripped: Mapping[str, str]) -> Typed:
    """What was typed, without space around it; a choice of several keeps all of them."""
    several = {name: request.form.getlist(name) for name in ("languages", "trusted_provider_ids")}
    return MultiDict([*stripped.items(), *((name, one) for name, all_ in several.items() for one in all_[1:])])


def _input(field: str) -> str:
    """The input of a field of the API: `brand.colour` is `colour`, `allowed_origins.2` is `allowed_origins`."""
    last = [part for part in field.split(".") if not part.isdigit()][-1]
    return "text_version" if last == "consent_texts" else last


def _form(name: str, portal: Thing, form: Form, status: int = 200) -> Response:
    more = _BESIDE[name](portal, form) if name in _BESIDE else {}
    page = render_template(
        f"set_up_{name}.html",
        name=name,
        section=SECTIONS[name],
        portal=portal,
        form=form,
        names=language_names(portal["languages"]),
        **more,
    )
    return Response(page, status)


def _look(portal: Thing, form: Form) -> dict[str, Any]:
    """How the pages would look with what stands in the form, and whether white can be read on its colour."""
    colour = cluster_forms.colour_of(form.value("colour"))
    if not COLOUR.fullmatch(colour):
        return {"look": None, "contrast": None}
    typed = {"name": form.value("name"), "colour": colour, "logo_url": form.value("logo_url")}
    found = contrast(colour)
    told = {"contrast": found, "least": LEAST_CONTRAST, "darker": readable(colour, WHITE, BLACK)}
    if found < LEAST_CONTRAST:
        return {**told, "look": None}
    look: Brand = brand_of({**portal, "brand": typed})
    branding.allow_logo(look)
    return {**told, "look": look}


def _providers(portal: Thing, form: Form) -> dict[str, Any]:
    """The cluster's training providers, and whoever else is trusted."""
    found = asking.get("directory", "organisations", cluster=portal["id"], type="training_provider", limit=_MOST)
    names = {one["id"]: one["legal_name"] for one in found["items"]}
    others = {one: one for one in portal["trusted_provider_ids"] if one not in names}
    chosen = form.value("trusted_provider_ids").split() if form.mistakes else portal["trusted_provider_ids"]
    return {"providers": {**names, **others}, "chosen": chosen}


_BESIDE: Final[Mapping[str, Callable[[Thing, Form], dict[str, Any]]]] = {"brand": _look, "providers": _providers}
"""What a part's page shows beside what is in its form."""
