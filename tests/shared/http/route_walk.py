"""For the tests of every service: no route without a declared scope or the word public."""

from shared.http.app import ServiceApp
from shared.http.scopes import PUBLIC, SCOPES


def undeclared_routes(app: ServiceApp) -> list[str]:
    """Walk what the application really serves, not what its doors say: method and path of each route that nobody
    has given a scope and nobody has called public."""
    declared = {(route.method, route.path): route.scopes for door in app.doors for route in door}
    found: list[str] = []
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            scopes = declared.get((method, rule.rule), (PUBLIC,) if getattr(view, "public", False) else ())
            if not scopes or not set(scopes) <= {PUBLIC, *SCOPES}:
                found.append(f"{method} {rule.rule}")
    return found


def assert_every_route_has_a_scope(app: ServiceApp) -> None:
    """Fails with the routes that have none."""
    found = undeclared_routes(app)
    assert found == [], f"routes without a declared scope or the word public: {found}"
