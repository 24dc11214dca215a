"""What can be done with enrolments: load, decide, save."""

from services.enrolment_service.actions.applying import Applying
from services.enrolment_service.actions.people import People
from services.enrolment_service.actions.reading import Reading
from services.enrolment_service.actions.rosters import Rosters, Row
from services.enrolment_service.actions.seats import Seating

__all__ = ["Actions", "Row"]


class Actions(Applying, Reading, Rosters, Seating, People):
    """The use cases of the service on one unit of work."""
