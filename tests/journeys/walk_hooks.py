"""What schemathesis loads for the walk over the running stack: who calls each operation, and the one 503 that is meant.

The environment names the stack's data folder (WALK_STACK) the cluster whose people call (WALK_CLUSTER),
and which courses, people and organisations are the walk's own (WALK_OWN: parameter -> ids).
"""

import json
import os
import uuid
from pathlib import Path
from typing import Any, Final

import schemathesis
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.modes import GenerationMode

from deploy.local import stack as launcher
from shared.http.endpoint import ACTING
from tests.stack import Stack

# An access token of the realm lives for 300 s.
_TOKEN_SECONDS: Final = 120


class Callers:
    """Whoever may do most of it: a cluster's manager; the platform's own operations need their own callers."""

    def __init__(self, running: Stack, cluster: str) -> None:
        self._stack = running
        people = [login for login in running.facts["logins"] if login["cluster"] == cluster]
        self._names = {login["role"]: login["username"] for login in people}

    @staticmethod
    def role(path: str) -> str:
        """Who calls this path."""
        if "/operations/" in path:
            return "operator"
        if path == "/v1/people/names":
            return "names"
        # Nobody else is to be erased: the walk goes on with the manager.
        return "worker" if path == "/v1/me/erase" else "manager"

    def token(self, role: str) -> str:
        """An access token."""
        if role == "operator":
            return self._stack.client_token("platform-operator")
        return self._stack.client_token("names-enrolment") if role == "names" else self._stack.token(self._names[role])


_folder = Path(os.environ["WALK_STACK"])
_own: dict[str, list[str]] = json.loads(os.environ["WALK_OWN"])
_callers = Callers(Stack(launcher.status(_folder)[0], _folder), os.environ["WALK_CLUSTER"])


@schemathesis.auth(refresh_interval=_TOKEN_SECONDS, cache_by_key=lambda _case, context: _role_of(context))
class Tokens:
    """Tokens of the real Keycloak, renewed: a long walk outlives one."""

    def get(self, _case: Any, context: Any) -> str:
        """A token of whoever calls this operation."""
        return _callers.token(_role_of(context))

    def set(self, case: Any, data: str, _context: Any) -> None:
        """As everybody sends it."""
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def before_load_schema(_context: Any, document: dict[str, Any]) -> None:
    """Leave out the header that says for which organisation one acts: a made-up one is refused before anything else is
    looked at, and the walk would see little but 403."""
    for item in document["paths"].values():
        for operation in item.values():
            operation["parameters"] = [one for one in operation["parameters"] if one["name"] != ACTING]


@schemathesis.hook
def before_call(_context: Any, case: Any, _options: dict[str, Any]) -> None:
    """Change only what the walk made, others use the stack, too. And where the body is what is wrong, let it be looked
    at: a garbled If-Match is refused before."""
    for name, own in _own.items():
        if case.method != "GET" and _is_id(case.path_parameters.get(name)):
            case.path_parameters[name] = min(own, key=lambda one: one != case.path_parameters[name])
    body = case.meta.components.get(ParameterLocation.BODY) if case.meta else None
    if body is not None and body.mode == GenerationMode.NEGATIVE and "If-Match" in case.headers:
        case.headers["If-Match"] = '"1"'


@schemathesis.hook
def filter_failure(_context: Any, failure: Any, _case: Any, response: Any) -> bool:
    """Keep the failure, unless it is the 503 that architecture.md promises: what the request names may still be on its
    way from another service."""
    return not (type(failure).__name__ == "ServerError" and _not_yet_known(response))


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and len(value) == len(str(uuid.UUID(int=0)))


def _role_of(context: Any) -> str:
    return Callers.role(context.operation.path)


def _not_yet_known(response: Any) -> bool:
    if response.status_code != 503 or "retry-after" not in response.headers:
        return False
    return bool(json.loads(response.content)["code"] == "NOT_YET_KNOWN")
