"""What is known of a request on its way through the runtime, beside the request itself."""

from dataclasses import dataclass, field

from flask import Request

from shared.auth.caller import Caller
from shared.http.ratelimit import Allowance
from shared.http.route import Route

KEY = "clusterskills.passage"


@dataclass(slots=True)
class Passage:
    """Filled in on the way; the response and the access log read it."""

    route: Route | None = None
    caller: Caller | None = None
    allowance: Allowance | None = None
    trace_id: str = field(default="")


def passage_of(request: Request) -> Passage:
    """The passage of this request."""
    found = request.environ.get(KEY)
    if not isinstance(found, Passage):
        raise TypeError("not a request of a service app")
    return found
