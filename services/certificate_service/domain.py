"""The rules of certificates: pure, no clock, no I/O. Each rule returns the new state and the facts to publish."""

import calendar
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from shared.errors import IllegalTransition
from shared.schemas import certificate as events
from shared.schemas.event import Event
from shared.versioned import Versioned

ISSUED, SUSPENDED, REVOKED = "issued", "suspended", "revoked"
VALID, EXPIRED = "valid", "expired"
REISSUED: Final = "reissued"

BY_PERSON, BY_CORRECTION = "awarding_body", "result_corrected"
"""Why a certificate was revoked; only what a correction took can a correction give back."""

ARROWS: Final[dict[str, frozenset[str]]] = {
    ISSUED: frozenset({SUSPENDED, REVOKED, REISSUED}),
    SUSPENDED: frozenset({ISSUED, REVOKED}),
    REVOKED: frozenset(),
}
"""Allowed transitions. `reissued` leads back to issued under a new place in the status list."""

ERASED_HOLDER: Final = "erased"
"""Stands for the person in events about a certificate whose holder was erased."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusBit:
    """One bit of one status list."""

    list_id: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One change of status. `by` is a subject id, never a name."""

    status: str
    at: datetime
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate(Versioned):
    """A certificate as it was awarded, without the name: that stands only in the encrypted credential.

    `id` is the public, random id of the credential. `awarding_cluster_id` is the cluster in whose name the course was
    offered, `body_cluster_id` the home of the awarding body. `employer_sees` is whether the employer's HR may see it;
    `employer_saw`, whether they ever could. `position` and `changed_at` are its place in the feed, which the relay gives
    it: None until then.
    """

    enrolment_id: str
    person_id: str | None
    course_id: str
    course_version: int
    cluster_id: str
    employer_id: str | None
    awarding_body_id: str
    awarding_cluster_id: str
    body_cluster_id: str | None = None
    course_title: str
    awarding_body: str
    status: str
    place: StatusBit
    past_places: list[StatusBit] = field(default_factory=list)
    score: float | None = None
    awarded_at: datetime
    issued_at: datetime
    valid_from: datetime
    valid_until: datetime | None = None
    revoked_for: str | None = None
    employer_sees: bool = False
    employer_saw: bool = False
    erased: bool = False
    history: list[Step] = field(default_factory=list)
    position: int | None = None
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Award:
    """What was decided about one enrolment: who passed which course, and when."""

    enrolment_id: str
    person_id: str
    course_id: str
    course_version: int
    cluster_id: str
    employer_id: str | None
    score: float | None
    awarded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A version of a course as the catalogue published it. Titles and descriptions by language."""

    id: str
    version: int
    cluster_id: str
    provider_id: str
    awarding_body_id: str
    default_language: str
    titles: dict[str, str]
    descriptions: dict[str, str]
    outcomes: list[dict[str, Any]]
    workload_hours: float
    eqf_level: int | None
    ects: float | None
    mode: str
    assessment_type: str
    quality_assurance_type: str
    certificate_validity_months: int | None = None
    homepage: str | None = None

    @property
    def title(self) -> str:
        """In the course's own language."""
        return in_language(self.titles, self.default_language)


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    """A legal entity; its name and country are public facts. `cluster_id`: the cluster that registered it."""

    id: str
    legal_name: str
    country: str
    homepage: str | None = None
    cluster_id: str | None = None
    suspended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """A completion that is not certified for now. `reason`: NOT_GRANTED or ORGANISATION_SUSPENDED, of the body.

    `event` is what will be issued on: the type and the data of the last event that said that they passed.
    """

    enrolment_id: str
    course_id: str
    course_version: int
    awarding_body_id: str
    awarding_cluster_id: str
    body_cluster_id: str | None
    reason: str
    event: tuple[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Somebody for whom there may be certificates: their keys (wrapped), and which certificates are theirs.

    `withheld` are enrolments whose award was held back; some may have been issued or dropped since.

    Destroying the keys and this mapping is the erasure. Whoever issues, or changes who may see, saves the holder in
    the same transaction, so that none of them can cross.
    """

    person_id: str
    keys: dict[str, bytes] = field(default_factory=dict)
    certificates: list[str] = field(default_factory=list)
    withheld: list[str] = field(default_factory=list)
    merged_into: str | None = None
    erased: bool = False

    @property
    def key_id(self) -> str:
        """The key that encrypts what is new."""
        return next(iter(self.keys))


# -- issuing


def issue(
    certificate_id: str,
    award: Award,
    course: Course,
    body: Organisation,
    place: StatusBit,
    *,
    seen: bool,
    now: datetime,
) -> tuple[Certificate, list[Event]]:
    """The first certificate of an enrolment. `seen`: whether the employer may see it from the start."""
    issued = Certificate(
        id=certificate_id,
        enrolment_id=award.enrolment_id,
        person_id=award.person_id,
        course_id=course.id,
        course_version=course.version,
        cluster_id=award.cluster_id,
        employer_id=award.employer_id,
        awarding_body_id=body.id,
        awarding_cluster_id=course.cluster_id,
        body_cluster_id=body.cluster_id,
        course_title=course.title,
        awarding_body=body.legal_name,
        status=ISSUED,
        place=place,
        score=award.score,
        awarded_at=award.awarded_at,
        issued_at=now,
        valid_from=now,
        valid_until=valid_until(award.awarded_at, course.certificate_validity_months),
        employer_sees=seen,
        employer_saw=seen,
        history=[Step(status=ISSUED, at=now, by="enrolment")],
    )
    happened = events.CertificateIssued(
        **_common(issued), issued_at=now, completed_at=award.awarded_at, valid_until=issued.valid_until
    )
    return issued, [happened]


def reissue(certificate: Certificate, place: StatusBit, by: str, now: datetime) -> tuple[Certificate, list[Event]]:
    """The name was corrected: the same credential under a new place; the old place is revoked."""
    _require(certificate, REISSUED)
    renewed = _replaced(certificate, place, by, now)
    return renewed, [events.CertificateSuperseded(**_common(renewed))]


def needs_correction(certificate: Certificate, score: float | None) -> bool:
    """Whether a corrected, passed result changes the certificate. What somebody revoked stays revoked."""
    if certificate.erased or (certificate.status == REVOKED and certificate.revoked_for != BY_CORRECTION):
        return False
    return certificate.status == REVOKED or certificate.score != score


def correct(
    certificate: Certificate, place: StatusBit, score: float | None, now: datetime
) -> tuple[Certificate, list[Event]]:
    """The result was corrected and is still, or again, a pass. A suspended certificate stays suspended."""
    was_revoked = certificate.status == REVOKED
    status = ISSUED if was_revoked else certificate.status
    renewed = replace(_replaced(certificate, place, "enrolment", now), status=status, score=score, revoked_for=None)
    happened: list[Event] = [events.CertificateSuperseded(**_common(renewed))]
    if was_revoked:
        happened.append(events.CertificateReinstated(**_common(renewed)))
    return renewed, happened


# -- status


def suspend(certificate: Certificate, by: str, now: datetime) -> tuple[Certificate, list[Event]]:
    """Not valid for now."""
    suspended = _move(certificate, SUSPENDED, by, now)
    return suspended, [events.CertificateSuspended(**_common(suspended))]


def reinstate(certificate: Certificate, by: str, now: datetime) -> tuple[Certificate, list[Event]]:
    """A suspended one is valid again."""
    reinstated = _move(certificate, ISSUED, by, now)
    return reinstated, [events.CertificateReinstated(**_common(reinstated))]


def revoke(certificate: Certificate, cause: str, by: str, now: datetime) -> tuple[Certificate, list[Event]]:
    """Never valid again, by hand or because the result was corrected."""
    revoked = replace(_move(certificate, REVOKED, by, now), revoked_for=cause)
    return revoked, [events.CertificateRevoked(**_common(revoked), cause=cause)]


def fail(certificate: Certificate, now: datetime) -> tuple[Certificate, list[Event]]:
    """The result was corrected and is no pass. One that is revoked already is no news."""
    if certificate.status == REVOKED:
        return certificate, []
    return revoke(certificate, BY_CORRECTION, "enrolment", now)


def standing(certificate: Certificate, now: datetime) -> str:
    """valid, suspended, revoked or expired. Expiry is computed, never stored; erasure is no revocation."""
    if certificate.status != ISSUED:
        return certificate.status
    if certificate.valid_until is not None and certificate.valid_until <= now:
        return EXPIRED
    return VALID


def valid_until(awarded_at: datetime, months: int | None) -> datetime | None:
    """The same day so many months later, or the last one of a shorter month."""
    if months is None:
        return None
    years, month = divmod(awarded_at.month - 1 + months, 12)
    year = awarded_at.year + years
    day = min(awarded_at.day, calendar.monthrange(year, month + 1)[1])
    return awarded_at.replace(year=year, month=month + 1, day=day)


# -- who may see it


def show_to_employer(certificate: Certificate, sees: bool) -> Certificate:
    """Consent or employment changed what the employer's HR may see."""
    return replace(certificate, employer_sees=sees, employer_saw=certificate.employer_saw or sees)


def erase(certificate: Certificate) -> Certificate:
    """The holder is forgotten; that it was awarded, and its place in the list, remain."""
    return replace(certificate, person_id=None, score=None, employer_sees=False, erased=True)


def hand_over(certificate: Certificate, person_id: str) -> Certificate:
    """Two records were one person: it belongs to the one that remains."""
    return replace(certificate, person_id=person_id)


def erase_holder(holder: Holder) -> Holder:
    """Keys and mapping are gone for good."""
    return replace(holder, keys={}, certificates=[], withheld=[], erased=True)


def merge_holders(loser: Holder, winner: Holder) -> tuple[Holder, Holder]:
    """The loser's keys and certificates are the winner's from now on."""
    certificates = sorted({*winner.certificates, *loser.certificates})
    withheld = sorted({*winner.withheld, *loser.withheld})
    kept = replace(winner, keys={**winner.keys, **loser.keys}, certificates=certificates, withheld=withheld)
    return replace(loser, keys={}, certificates=[], withheld=[], merged_into=winner.person_id), kept


# -- small things


def in_language(texts: dict[str, str], language: str) -> str:
    """The text in this language, or in any there is."""
    return texts.get(language) or next(iter(texts.values()), "")


def _replaced(certificate: Certificate, place: StatusBit, by: str, now: datetime) -> Certificate:
    return replace(
        certificate,
        place=place,
        past_places=[*certificate.past_places, certificate.place],
        valid_from=now,
        history=[*certificate.history, Step(status=REISSUED, at=now, by=by)],
    )


def _move(certificate: Certificate, target: str, by: str, now: datetime) -> Certificate:
    _require(certificate, target)
    return replace(certificate, status=target, history=[*certificate.history, Step(status=target, at=now, by=by)])


def _require(certificate: Certificate, target: str) -> None:
    allowed = ARROWS[certificate.status] - ({REISSUED} if certificate.erased else frozenset())
    if target not in allowed:
        raise IllegalTransition("certificate", certificate.status, target, allowed)


def _common(certificate: Certificate) -> dict[str, Any]:
    return {
        "certificate_id": certificate.id,
        "enrolment_id": certificate.enrolment_id,
        "person_id": certificate.person_id or ERASED_HOLDER,
        "course_id": certificate.course_id,
        "course_version": certificate.course_version,
        "cluster_id": certificate.cluster_id,
        "employer_id": certificate.employer_id,
        "awarding_body_id": certificate.awarding_body_id,
    }
