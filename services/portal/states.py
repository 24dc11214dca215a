"""Each state of an enrolment, a session and a course: one word, one colour with an icon, one sentence on who acts next."""

from dataclasses import dataclass
from typing import Final

from flask_babel import LazyString

from services.portal.languages import _l

GOOD, BAD, WAITING, CALM = "good", "bad", "waiting", "calm"


@dataclass(frozen=True, slots=True)
class State:
    """How a state looks. `next` says who must act, or what it means."""

    word: LazyString
    tone: str
    icon: str
    next: LazyString


ENROLMENT: Final = {
    "applied": State(
        _l("Applied"), WAITING, "hourglass-split", _l("The employer or the cluster decides about the application.")
    ),
    "asked": State(
        _l("Consent needed"),
        WAITING,
        "hourglass-split",
        _l("The employer applied. The worker must first agree to share the result."),
    ),
    "ineligible": State(
        _l("Not possible"), BAD, "slash-circle", _l("The requirements are not met; the reasons are below.")
    ),
    "approved": State(_l("Approved"), WAITING, "check", _l("A seat is being assigned.")),
    "rejected": State(_l("Rejected"), BAD, "x-circle", _l("The employer or the cluster decided against it.")),
    "lapsed": State(_l("Lapsed"), BAD, "clock-history", _l("Nobody decided in time.")),
    "waitlisted": State(
        _l("Waiting list"), WAITING, "people", _l("You get an offer as soon as a seat is free and it is your turn.")
    ),
    "offered": State(
        _l("Seat offered"), WAITING, "envelope-open", _l("Accept or decline the seat before the offer ends.")
    ),
    "declined": State(_l("Declined"), CALM, "x-circle", _l("The offered seat went to the next in line.")),
    "expired": State(_l("Offer expired"), CALM, "clock-history", _l("The offered seat went to the next in line.")),
    "confirmed": State(_l("Confirmed"), GOOD, "check-circle", _l("The seat is yours. Come to the session.")),
    "cancelled": State(_l("Cancelled"), CALM, "x-circle", _l("The enrolment is over.")),
    "attending": State(_l("Attending"), GOOD, "person-check", _l("The trainer records the result after the session.")),
    "no_show": State(_l("Did not attend"), BAD, "person-x", _l("The trainer recorded an absence.")),
    "completed": State(_l("Completed"), GOOD, "patch-check", _l("Passed. The certificate is issued within a moment.")),
    "failed": State(_l("Not passed"), BAD, "x-circle", _l("The result was not sufficient to pass.")),
}
SESSION: Final = {
    "planned": State(_l("Planned"), CALM, "pencil", _l("Open enrolment when the dates are fixed.")),
    "open": State(_l("Open"), GOOD, "door-open", _l("People can apply until the deadline.")),
    "closed": State(_l("Enrolment closed"), CALM, "door-closed", _l("The session begins at its date.")),
    "running": State(_l("Running"), GOOD, "play-circle", _l("Record attendance and results on the roster.")),
    "completed": State(_l("Completed"), CALM, "check-circle", _l("Every participant has a result.")),
    "cancelled": State(_l("Cancelled"), BAD, "x-circle", _l("The session does not take place.")),
}
COURSE: Final = {
    "draft": State(_l("Draft"), CALM, "pencil", _l("Submit it for review when it is complete.")),
    "in_review": State(_l("In review"), WAITING, "search", _l("A reviewer publishes it or returns it with reasons.")),
    "published": State(_l("Published"), GOOD, "check-circle", _l("People find it in the catalogue.")),
    "retired": State(_l("Retired"), CALM, "archive", _l("It is no longer offered; certificates stay valid.")),
}
AVAILABILITY: Final = {
    "open": State(_l("Seats free"), GOOD, "check-circle", _l("You get a seat at once, or after approval.")),
    "waitlist_only": State(_l("Waiting list"), WAITING, "people", _l("All seats are taken; you can wait for one.")),
    "full": State(_l("Full"), BAD, "slash-circle", _l("All seats are taken and the waiting list is full.")),
    "closed": State(_l("Closed"), CALM, "door-closed", _l("The session takes no more applications.")),
}
CERTIFICATE: Final = {
    "issued": State(_l("Valid"), GOOD, "patch-check", _l("Anybody can verify it.")),
    "valid": State(_l("Valid"), GOOD, "patch-check", _l("Anybody can verify it.")),
    "suspended": State(_l("Suspended"), WAITING, "pause-circle", _l("The awarding body is reviewing it.")),
    "revoked": State(_l("Revoked"), BAD, "x-circle", _l("It is no longer valid.")),
    "expired": State(_l("Expired"), CALM, "clock-history", _l("It has expired; take the course again to renew it.")),
}
JOB: Final = {
    "waiting": State(_l("Waiting"), WAITING, "hourglass-split", _l("It begins when it is its turn.")),
    "running": State(_l("Running"), GOOD, "play-circle", _l("Its rows are worked on.")),
    "paused": State(_l("Paused"), WAITING, "pause-circle", _l("It goes on when somebody resumes it.")),
    "done": State(_l("Done"), CALM, "check-circle", _l("Every row was worked on.")),
    "failed": State(_l("Failed"), BAD, "x-circle", _l("It stopped with an error.")),
    "cancelled": State(_l("Cancelled"), CALM, "x-circle", _l("It was stopped before its end.")),
}
JOB_ACTIVE: Final = frozenset({"waiting", "running"})
JOB_CAN_RESUME: Final = frozenset({"paused", "failed", "cancelled"})
PERSON: Final = {
    "registered": State(_l("Registered"), GOOD, "person-check", _l("Can be enrolled and invited to sign in.")),
    "merged": State(_l("Merged"), CALM, "intersect", _l("Another record answers for this one.")),
    "erased": State(_l("Erased"), CALM, "eraser", _l("The personal data was destroyed.")),
}
EMPLOYMENT: Final = {
    "current": State(_l("Works there"), GOOD, "check-circle", _l("The company can enrol this person.")),
    "future": State(_l("Begins later"), WAITING, "calendar", _l("The company can enrol this person from that day on.")),
    "past": State(_l("Ended"), CALM, "clock-history", _l("The company cannot enrol this person any more.")),
}
CONSENT: Final = {
    "given": State(_l("Given"), GOOD, "eye", _l("May see the results.")),
    "withdrawn": State(_l("Taken back"), CALM, "eye-slash", _l("Sees no results any more.")),
}
INVITATION: Final = {
    "invited": State(_l("Invited"), WAITING, "envelope", _l("The person has the link until it ends.")),
    "accepted": State(_l("Signs in"), GOOD, "check-circle", _l("The person has chosen a password.")),
    "withdrawn": State(_l("Taken back"), CALM, "dash-circle", _l("The link opens nothing.")),
    "expired": State(_l("Expired"), BAD, "clock-history", _l("Nobody came in time. Invite again.")),
    "ended": State(_l("Ended"), CALM, "dash-circle", _l("The person does not sign in as this any more.")),
}
ORGANISATION: Final = {
    "active": State(_l("Active"), GOOD, "check-circle", _l("Can offer courses and enrol people.")),
    "suspended": State(_l("Suspended"), BAD, "pause-circle", _l("Nothing new is possible with it for now.")),
}
MEMBERSHIP: Final = {
    "asked": State(_l("Asked"), WAITING, "hourglass-split", _l("Starts when the other side accepts.")),
    "started": State(_l("Member"), GOOD, "check-circle", _l("Belongs to it.")),
    "ended": State(_l("Ended"), CALM, "clock-history", _l("Belonged to it.")),
    "declined": State(_l("Declined"), CALM, "x-circle", _l("It never started.")),
}


def show(kind: dict[str, State], status: str) -> State:
    """The state, or its bare name when the pages do not know it yet."""
    return kind.get(status) or State(_l(status), CALM, "question-circle", _l("This page does not know this state yet."))
