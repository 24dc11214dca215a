"""Signing in and out. Every step can be repeated, forged or abandoned; none of that signs anybody in or ends in a 500."""

import secrets

from flask import Blueprint, Response, render_template, request

from services.portal import visitors
from services.portal.asking import go_to
from services.portal.identity import SignInRefused
from services.portal.languages import _, language
from services.portal.runtime import runtime
from services.portal.sessions import SignIn
from shared.errors import NotFound
from shared.http.app import public
from shared.logs import get_logger

pages = Blueprint("sign_in", __name__)
log = get_logger(__name__)


@pages.get("/sign-in")
@public
def begin() -> Response:
    """Send the browser to the identity provider."""
    return _begin(visitors.safe_target(request.args.get("next")))


def detour() -> Response:
    """Let somebody sign in whose page needs it, and come back to it; what they had sent from a form is kept."""
    if request.method != "POST":
        return _begin(visitors.safe_target(request.full_path.rstrip("?")))
    typed = [(name, text) for name, text in request.form.items(multi=True) if name != "form_token"]
    return _begin(visitors.safe_target(request.full_path.rstrip("?")), tuple(typed))


def _begin(target: str, form: tuple[tuple[str, str], ...] = ()) -> Response:
    browser = visitors.browser_secret() or secrets.token_urlsafe(24)
    state = secrets.token_urlsafe(24)
    sign_in = SignIn(
        verifier=secrets.token_urlsafe(48),
        nonce=secrets.token_urlsafe(24),
        origin=runtime().origin(),
        target=target,
        form=form,
    )
    address = runtime().provider.sign_in_address(state, sign_in, language())
    runtime().sessions.begin(state, browser, sign_in)
    response = go_to(address)
    visitors.keep_browser_secret(response, browser)
    return response


@pages.get("/callback")
@public
def finish() -> Response:
    """The identity provider sends the browser back: with a code, or with the reason why there is none."""
    try:
        sign_in = runtime().sessions.take(request.args.get("state", ""), visitors.browser_secret())
    except NotFound:
        return _nothing_under_way()
    try:
        runtime().provider.check_issuer(request.args.get("iss"))
        if "error" in request.args:
            return _failed(_("You were not signed in: the sign-in was cancelled or refused."))
        signed_in = runtime().provider.redeem(request.args.get("code", ""), sign_in)
    except SignInRefused as error:
        log.warning("sign-in refused", reason=error.detail)
        return _failed(_("The sign-in page's answer could not be used. Please try again."))
    return _welcome(runtime().sessions.open(signed_in), sign_in)


@pages.post("/sign-out")
@public
def end() -> Response:
    """End the session here and at the identity provider."""
    person = visitors.visitor().person
    if person is None:
        return go_to("/")
    visitors.check_form(request.form.get("form_token", ""))
    visitors.end_session()
    response = go_to(runtime().provider.sign_out_address(person.id_token, f"{runtime().origin()}/"))
    visitors.drop_session(response)
    return response


def _nothing_under_way() -> Response:
    """No such sign-in of this browser. Somebody who is signed in already has only come back to an old address."""
    if visitors.visitor().person:
        return go_to("/")
    return _failed(_("This sign-in was not begun in this browser, was used already, or took longer than ten minutes."))


def _welcome(session_id: str, sign_in: SignIn) -> Response:
    """A new session id at each sign-in; one that was there before ends."""
    before = visitors.visitor()
    if before.session_id:
        runtime().sessions.close(before.session_id)
    response = _again(session_id, sign_in) if sign_in.form else go_to(sign_in.target)
    visitors.keep_session(response, session_id)
    return response


def _again(session_id: str, sign_in: SignIn) -> Response:
    """The form that somebody sent when their session was over, to send once more."""
    token = runtime().seal.digest("form", session_id)
    return Response(render_template("send_again.html", target=sign_in.target, form=sign_in.form, token=token))


def _failed(reason: str) -> Response:
    return Response(render_template("sign_in_failed.html", reason=reason), 400)
