"""The start page, and the choice of a language."""

from flask import Blueprint, Response, render_template, request

from services.portal import home, languages
from services.portal.asking import go_to
from services.portal.runtime import runtime
from services.portal.visitors import safe_target, visitor
from shared.errors import NotFound
from shared.http.app import public

pages = Blueprint("start", __name__)
_A_YEAR = 31_536_000


@pages.get("/")
@public
def start() -> Response:
    """What this is, what it holds today, and where to go."""
    waiting = home.waiting() if visitor().person else []
    person = visitor().person  # after that: the provider may have ended the session
    partnerships = runtime().partnerships
    page = render_template(
        "start.html",
        counts=runtime().catalog.counts(),
        partnerships=[(one, partnerships.members(one)) for one in partnerships.partnerships],
        clusters=len(partnerships.clusters),
        countries=partnerships.countries,
        cluster=partnerships.cluster_name(person.cluster_id) if person else "",
        waiting=waiting,
        step=home.next_step(waiting),
    )
    return Response(page)


@pages.get("/language/<code>")
@public
def speak(code: str) -> Response:
    """Speak that language from now on, and go back to where the visitor was."""
    if code not in languages.languages() and not (code == languages.PSEUDO and runtime().settings.demo):
        raise NotFound(f"No pages in {code!r}.")
    response = go_to(safe_target(request.args.get("next")))
    secure = runtime().origin().startswith("https:")
    response.set_cookie(languages.COOKIE, code, max_age=_A_YEAR, secure=secure, httponly=True, samesite="Lax")
    return response


@pages.get("/robots.txt")
@public
def robots() -> Response:
    """Pages for everybody may be found; the ways in and out and what names one certificate need not be."""
    return Response(
        "User-agent: *\nDisallow: /verify/\nDisallow: /invitations/\nDisallow: /sign-in\nDisallow: /callback\n",
        mimetype="text/plain",
    )


@pages.get("/favicon.ico")
@public
def favicon() -> Response:
    """Browsers ask here whatever the page says."""
    return Response(status=302, headers={"Location": runtime().frontend.address("mark.svg")})
