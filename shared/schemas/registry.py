"""All events of the runtime, loaded: import this module where the whole registry is needed."""

from shared.schemas import catalog, certificate, directory, enrolment
from shared.schemas.event import Event, registered

PUBLISHERS = {
    "catalog": catalog,
    "certificate": certificate,
    "directory": directory,
    "enrolment": enrolment,
}


def all_events() -> dict[str, type[Event]]:
    """Every published event by type, with all publishers' modules loaded. Types defined in tests are left out."""
    modules = {module.__name__ for module in PUBLISHERS.values()}
    return {name: kind for name, kind in registered().items() if kind.__module__ in modules}


def topics() -> list[str]:
    """Every topic that somebody here publishes on, sorted."""
    return sorted({name.split(".", 1)[0] for name in all_events()})


def topics_of(publisher: str) -> list[str]:
    """The topics that are this service's own, sorted."""
    return sorted({name.split(".", 1)[0] for name in all_events() if publisher_of(name) == publisher})


def publisher_of(event_type: str) -> str:
    """The service that publishes this type."""
    module = all_events()[event_type].__module__
    return next(name for name, candidate in PUBLISHERS.items() if candidate.__name__ == module)
