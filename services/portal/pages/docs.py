"""For developers: the API's description as a page and as documents."""

from flask import Blueprint, Response, render_template

from services.portal.runtime import runtime
from shared.http.app import public
from shared.http.render import to_json

pages = Blueprint("docs", __name__)
_FOR_ANYBODY = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}


@pages.get("/docs")
@public
def docs() -> Response:
    """Every operation, to read and to try."""
    return Response(render_template("docs.html"))


@pages.get("/openapi.json")
@public
def openapi() -> Response:
    """All services' operations in one OpenAPI 3.1 document."""
    document = runtime().documents.openapi() | {"servers": [{"url": runtime().origin()}]}
    return _document(document)


@pages.get("/asyncapi.json")
@public
def asyncapi() -> Response:
    """All events as an AsyncAPI 3.0 document."""
    from shared.schemas.asyncapi import document  # few ask for it

    return _document(document())


def _document(content: object) -> Response:
    headers = {**_FOR_ANYBODY, "Cache-Control": "max-age=60"}
    return Response(to_json(content), content_type="application/json", headers=headers)
