"""Is the process alive, and may it be given work."""

from flask import Blueprint, Response
from pymongo.errors import PyMongoError

from services.portal.house import house
from shared.health import Check, report
from shared.http.app import public
from shared.http.render import to_json
from shared.http.response import to_response
from shared.storage.writes import Answer

pages = Blueprint("health", __name__)


@pages.get("/health/live")
@public
def live() -> Response:
    """It answers."""
    return to_response(Answer(200, b'{"status":"live"}'))


@pages.get("/health/ready")
@public
def ready() -> Response:
    """It answers people, also those who sign in."""
    ok, body = report([_database()])
    return to_response(Answer(200 if ok else 503, to_json(body), () if ok else (("Retry-After", "1"),)))


def _database() -> Check:
    try:
        house().sessions.check()
    except PyMongoError as error:
        return Check("database", ok=False, detail=type(error).__name__)
    return Check("database", ok=True)
