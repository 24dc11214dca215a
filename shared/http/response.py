"""From an answer to what Flask sends."""

from typing import Any

from flask import Response
from werkzeug.datastructures import Headers

from shared.http.call import JSON
from shared.storage.writes import Answer


class Rendered(Response):
    """A response whose headers are final: werkzeug need not look for relative addresses and missing lengths in them."""

    default_mimetype = None

    def get_wsgi_headers(self, environ: Any) -> Headers:  # noqa: ARG002
        """As they are."""
        return self.headers


def to_response(answer: Answer) -> Response:
    """The answer with the headers that every answer has unless it says otherwise."""
    headers = {"Cache-Control": "no-store", **dict(answer.headers)}
    if answer.status in {204, 304}:
        return Response(status=answer.status, headers=headers)
    headers.setdefault("Content-Type", JSON)
    return Rendered(answer.body, answer.status, headers)
