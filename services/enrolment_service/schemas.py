"""The HTTP bodies of this service."""

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from services.enrolment_service.domain import WAITING_FOR
from services.enrolment_service.domain.seats import AVAILABILITIES
from services.enrolment_service.domain.states import STATUSES
from shared.http.fields import Violation, links, one_of
from shared.http.ids import Ids
from shared.http.row_list import RowList

ID = validate.Length(1, 64)


class WorkerBody(Schema):
    """A worker by id, or by the own number of their home cluster's portal."""

    person_id = fields.String(validate=ID)
    external_id = fields.String(validate=validate.Length(1, 128))

    @validates_schema
    def one_of_both(self, data: dict[str, str], **_: object) -> None:
        """Exactly one names the worker."""
        if len(data) != 1:
            raise ValidationError("Give either person_id or external_id.", "person_id")


class EnrolmentBody(Schema):
    """An application."""

    session_id = fields.String(required=True, validate=ID)
    worker = fields.Nested(WorkerBody, required=True)
    employer_id = fields.String(load_default=None, allow_none=True, validate=ID)


class ReasonBody(Schema):
    """Why, in the words of whoever decides."""

    reason = fields.String(load_default=None, allow_none=True, validate=validate.Length(1, 1000))


class StepView(Schema):
    """One change of status."""

    status = one_of(STATUSES, "EnrolmentStatus", required=True)
    at = fields.AwareDateTime(required=True)


class EnrolmentView(Schema):
    """An enrolment as its home cluster, the worker and the employer see it."""

    id = fields.String(required=True)
    version = fields.Integer(required=True)
    created_at = fields.AwareDateTime(required=True)
    updated_at = fields.AwareDateTime(required=True)
    session_id = fields.String(required=True)
    course_id = fields.String(required=True)
    course_version = fields.Integer(required=True)
    person_id = fields.String(required=True)
    cluster_id = fields.String(required=True)
    host_cluster_id = fields.String(required=True)
    employer_id = fields.String(allow_none=True, required=True)
    status = one_of(STATUSES, "EnrolmentStatus", required=True)
    waiting_for = one_of(WAITING_FOR, required=True, metadata={"description": "Who must act next"})
    until = fields.AwareDateTime(
        allow_none=True, required=True, metadata={"description": "Until when they must; then it lapses or expires"}
    )
    place_in_queue = fields.Integer(allow_none=True, required=True)
    reasons = fields.List(fields.Nested(Violation), required=True)
    offer_expires_at = fields.AwareDateTime(allow_none=True, required=True)
    attendance = fields.Integer(allow_none=True, required=True)
    score = fields.Float(allow_none=True, required=True)
    completed_at = fields.AwareDateTime(allow_none=True, required=True)
    history = fields.List(fields.Nested(StepView), required=True)
    links = links()


class ChangesQuery(Schema):
    """From where on."""

    changed_since = fields.AwareDateTime(load_default=None, metadata={"description": "Inclusive"})


class ChangeView(Schema):
    """An enrolment where it stands in the feed. With `visible` false it was visible once and is not any more."""

    id = fields.String(required=True)
    changed_at = fields.AwareDateTime(required=True, metadata={"description": "Of its position in the feed"})
    visible = fields.Boolean(required=True)
    person_id = fields.String(allow_none=True, required=True)
    enrolment = fields.Nested(
        EnrolmentView,
        allow_none=True,
        required=True,
        metadata={"description": "As it is now; null when it cannot be seen"},
    )


class EnrolmentQuery(Schema):
    """Filters of the list."""

    session_id = fields.String(load_default=None, validate=ID)
    person_id = fields.String(load_default=None, validate=ID)
    employer_id = fields.String(load_default=None, validate=ID)
    status = one_of(STATUSES, "EnrolmentStatus", load_default=None)


class SeatsBody(Schema):
    """New capacity."""

    capacity = fields.Integer(required=True, strict=True, validate=validate.Range(0, 1_000_000))
    waitlist_limit = fields.Integer(
        load_default=None, allow_none=True, strict=True, validate=validate.Range(0, 1_000_000)
    )


class SeatsQuery(Schema):
    """Which sessions."""

    ids = Ids(required=True)


class SeatsView(Schema):
    """The public numbers of a session."""

    id = fields.String(required=True)
    version = fields.Integer(required=True)
    created_at = fields.AwareDateTime(required=True)
    updated_at = fields.AwareDateTime(required=True)
    session_id = fields.String(required=True)
    capacity = fields.Integer(required=True)
    waitlist_limit = fields.Integer(required=True)
    confirmed = fields.Integer(required=True)
    held = fields.Integer(required=True)
    offered = fields.Integer(required=True)
    waiting = fields.Integer(required=True)
    availability = one_of(AVAILABILITIES, required=True)
    links = links()


SEAT_NUMBERS = tuple(name for name in SeatsView().fields if name not in ("id", "session_id", "links"))


class AttendanceRow(Schema):
    """Attendance in percent, or a no-show."""

    enrolment_id = fields.String(required=True, validate=ID)
    attendance = fields.Integer(strict=True, validate=validate.Range(0, 100))
    no_show = fields.Boolean(load_default=False)

    @validates_schema
    def says_something(self, data: dict[str, object], **_: object) -> None:
        """One of both, not both."""
        if ("attendance" in data) == bool(data.get("no_show")):
            raise ValidationError("Give attendance, or no_show: true.", "attendance")


class AttendanceBody(Schema):
    """Attendance of many."""

    items = RowList(fields.Nested(AttendanceRow), required=True, validate=validate.Length(1, 500))


class ResultRow(Schema):
    """A result; score in points of 100."""

    enrolment_id = fields.String(required=True, validate=ID)
    passed = fields.Boolean(required=True)
    score = fields.Float(load_default=None, allow_none=True, validate=validate.Range(0, 100))


class ResultsBody(Schema):
    """Results of many."""

    items = RowList(fields.Nested(ResultRow), required=True, validate=validate.Length(1, 500))


class DecisionRow(Schema):
    """A decision on one application, of the version that was seen if one is given. The reason is for rejecting."""

    enrolment_id = fields.String(required=True, validate=ID)
    decision = one_of(("approve", "reject"), required=True)
    reason = fields.String(load_default=None, allow_none=True, validate=validate.Length(1, 1000))
    version = fields.Integer(load_default=None, allow_none=True, strict=True, validate=validate.Range(1))


class DecisionsBody(Schema):
    """Decisions on many applications."""

    items = fields.List(fields.Nested(DecisionRow), required=True, validate=validate.Length(1, 500))


class RowView(Schema):
    """What became of a row: its new status, or why nothing."""

    row = fields.Integer(required=True)
    enrolment_id = fields.String(required=True)
    ok = fields.Boolean(required=True)
    status = one_of(STATUSES, "EnrolmentStatus", allow_none=True, required=True)
    code = fields.String(allow_none=True, required=True)
    message = fields.String(allow_none=True, required=True)
    violations = fields.List(fields.Nested(Violation), required=True)


class RowsView(Schema):
    """All rows, the good ones saved."""

    items = fields.List(fields.Nested(RowView), required=True)
    saved = fields.Integer(required=True)
    failed = fields.Integer(required=True)


class RosterEntry(Schema):
    """One on the roster, as the host's trainer sees them."""

    enrolment_id = fields.String(required=True)
    person_id = fields.String(required=True)
    status = one_of(STATUSES, "EnrolmentStatus", required=True)
    attendance = fields.Integer(allow_none=True, required=True)
    score = fields.Float(allow_none=True, required=True)


class RosterView(Schema):
    """A session's roster."""

    session_id = fields.String(required=True)
    items = fields.List(fields.Nested(RosterEntry), required=True)
    next = fields.String(allow_none=True, required=True)


class CompleteBody(Schema):
    """How to close the roster."""

    absent_are_no_show = fields.Boolean(load_default=False)


class CompletedView(Schema):
    """The counts of a completed roster."""

    completed = fields.Integer(required=True)
    failed = fields.Integer(required=True)
    no_show = fields.Integer(required=True)
