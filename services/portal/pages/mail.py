"""The demo's mailbox: what the platform has sent by mail, shown to this machine only."""

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from flask import Blueprint, Response, render_template, request
from markupsafe import Markup, escape

from services.portal.mailbox import Mailbox
from services.portal.runtime import runtime
from shared.errors import NotFound
from shared.http.app import public

pages = Blueprint("mail", __name__)
_LINK: Final = re.compile(r"(https?://[^\s<>\"]+[^\s<>\".,;:!?)])")


@pages.get("/mail")
@public
def mails() -> Response:
    """What was sent, the newest first."""
    return Response(render_template("mails.html", mails=_mailbox().newest()))


@pages.get("/mail/<mail_id>")
@public
def mail(mail_id: str) -> Response:
    """One mail as text."""
    found = _mailbox().get(mail_id)
    return Response(render_template("mail.html", mail=found, text=_with_links(found.text)))


def _mailbox() -> Mailbox:
    """The folder of a demo. NotFound without one, and for everybody who is not at this machine."""
    folder = runtime().settings.mail_folder
    if not folder or not _is_near(request.remote_addr or ""):
        raise NotFound("There is no such page.")
    return Mailbox(Path(folder))


def _is_near(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _with_links(text: str) -> Markup:
    """The text with its web addresses as links."""
    parts = _LINK.split(text)
    link = Markup('<a href="{0}" rel="noreferrer">{0}</a>')
    return Markup("").join(link.format(part) if place % 2 else escape(part) for place, part in enumerate(parts))
