"""The public verification page: is this certificate real, is it valid, what for. It tells no name without a secret."""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec
from flask import Blueprint, Response, render_template, request
from flask_babel import LazyString
from werkzeug.exceptions import RequestEntityTooLarge

from services.portal import faults
from services.portal.languages import SOURCE, _, _l, language
from services.portal.neighbours import Refusal, Verification
from services.portal.runtime import runtime
from shared.errors import Unavailable
from shared.http.app import public
from shared.http.problems import TooLarge

pages = Blueprint("verify", __name__)
LARGEST_FILE: Final = 1024 * 1024
_MOST: Final = 8 * LARGEST_FILE
_LONGEST_SHOWN: Final = 2000
_ID: Final = re.compile(r"[A-Za-z0-9_-]{8,80}")
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
# What does not hold only because it was issued elsewhere: whether it is valid cannot be said here.
_ELSEWHERE: Final = frozenset({"OTHER_SITE", "OTHER_ISSUER", "OTHER_LIST"})
_PAGE: Final = re.compile(r"/verify/([A-Za-z0-9_-]{8,80})/?")
CHECKS: Final[dict[str, LazyString]] = {
    "context": _l("Content"),
    "schema": _l("Format"),
    "issuer": _l("Issuer"),
    "signature": _l("Signature"),
    "not_before": _l("Valid from"),
    "expiry": _l("Expiry"),
    "revocation": _l("Revocation"),
    "suspension": _l("Suspension"),
}
STATUSES: Final[dict[str, LazyString]] = {
    "issued": _l("Valid"),
    "valid": _l("Valid"),
    "suspended": _l("Suspended"),
    "revoked": _l("Revoked"),
    "superseded": _l("Replaced by a newer one"),
    "expired": _l("Expired"),
}


class Unusable(Exception):
    """What was handed in is nothing that could be verified; the text says why, in the visitor's language."""


@pages.get("/verify")
@public
def ask() -> Response:
    """The form."""
    return _page()


@pages.get("/verify/<credential_id>")
@public
def by_link(credential_id: str) -> Response:
    """Where a certificate's QR code and share links lead."""
    if not _ID.fullmatch(credential_id):
        return _page(problem=_("This isn't a valid certificate number."), status=404)
    return _answer(_by_id(credential_id, request.args.get("secret")), credential_id)


@pages.post("/verify")
@public
def by_form() -> Response:
    """A file, a link, a number or the text of a credential, whichever was given."""
    request.max_content_length = _MOST
    reference = ""
    try:
        reference = request.form.get("reference", "").strip()
        return _answer(_question(reference), reference[:_LONGEST_SHOWN])
    except Unusable as error:
        return _page(problem=str(error), reference=reference[:_LONGEST_SHOWN], status=422)
    except (TooLarge, RequestEntityTooLarge):
        return _page(problem=_("A credential file has at most one megabyte."), status=413)


def _question(reference: str) -> dict[str, Any]:
    file = request.files.get("file")
    if file is not None and file.filename:
        return {"credential": _read(file.stream.read(LARGEST_FILE + 1))}
    if not reference:
        raise Unusable(_("Choose a file, or enter a link or a number."))
    if reference.startswith("{"):
        return {"credential": _read(reference.encode())}
    if _ID.fullmatch(reference):
        return _by_id(reference, None)
    return _by_address(reference)


def _by_address(text: str) -> dict[str, Any]:
    """A link to our page or document of a certificate names it; the certificate service says what any other is."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise Unusable(_("This is neither a link nor a certificate's number."))
    page = _PAGE.fullmatch(parts.path)
    origins = {runtime().settings.public_url, runtime().settings.public_https_url}
    if page and f"{parts.scheme}://{parts.netloc.lower()}" in origins:
        secret = parse_qs(parts.query, max_num_fields=20).get("secret", [None])[0]
        return _by_id(page[1], secret)
    return {"url": text}


def _by_id(credential_id: str, secret: str | None) -> dict[str, Any]:
    """Certificates are named by where their document stands; the secret of a share link or QR opens the name."""
    query = f"?{urlencode({'secret': secret})}" if secret else ""
    credential_id = credential_id.lower() if _UUID.fullmatch(credential_id) else credential_id
    return {"url": f"{runtime().settings.public_url}/credentials/{credential_id}{query}"}


def _read(content: bytes) -> dict[str, Any]:
    if len(content) > LARGEST_FILE:
        raise TooLarge("A credential file has at most one megabyte.")
    try:
        return msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        raise Unusable(_("This file isn't a credential: it does not contain a JSON object.")) from None


def _answer(question: Mapping[str, Any], reference: str) -> Response:
    try:
        found = runtime().certificates.verify(question, request.remote_addr or "")
    except Unavailable:
        sentence = _("Certificates cannot be verified at the moment. Please try again shortly.")
        return _page(problem=sentence, reference=reference, status=503)
    if isinstance(found, Verification):
        return _page(found=found, reference=reference)
    return _page(problem=_refusal(found), reference=reference, status=404 if found.missing else 422)


def _refusal(refusal: Refusal) -> str:
    if refusal.missing:
        return _("We have no certificate with this number.")
    detail = refusal.detail if language() == SOURCE else ""
    return _("This could not be verified.") + (f" {detail}" if detail else "")


def verdict_of(found: Verification) -> str:
    """good, bad, or elsewhere: it was issued by somebody whose keys and lists are not ours to read."""
    if found.verified:
        return "good"
    failed = [check.code for check in found.checks if check.ok is False]
    return "elsewhere" if failed and set(failed) <= _ELSEWHERE else "bad"


def _lines(found: Verification) -> list[dict[str, Any]]:
    """Each check with its name and reason in the visitor's language."""
    return [
        {
            "ok": check.ok,
            "name": CHECKS.get(check.name, check.name),
            "reason": faults.sentence(f"HOLDS:{check.name}" if check.ok else check.code, check.reason),
        }
        for check in found.checks
    ]


def _page(*, found: Verification | None = None, problem: str = "", reference: str = "", status: int = 200) -> Response:
    """The whole page, or for htmx what changes in it."""
    template = "verify_result.html" if "HX-Request" in request.headers else "verify.html"
    page = render_template(
        template,
        found=found,
        verdict=verdict_of(found) if found else "",
        lines=_lines(found) if found else [],
        problem=problem,
        reference=reference,
        asked=request.method == "POST",
        status_names=STATUSES,
    )
    response = Response(page, status)
    response.vary.add("HX-Request")
    if status == 503:
        response.headers["Retry-After"] = "5"
    return response
