"""From facts to a signed credential."""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from services.certificate_service.adapters import person_keys, status_list
from services.certificate_service.adapters.credential import AwardingBody, CourseFacts, CredentialFacts, Score
from services.certificate_service.adapters.credential import build_credential as build
from services.certificate_service.adapters.frameworks import Outcome
from services.certificate_service.adapters.keys import IssuerKey, create_issuer_key, open_issuer_key
from services.certificate_service.adapters.signing import sign
from services.certificate_service.adapters.site import Site
from services.certificate_service.domain import Course, Holder, Organisation, StatusBit, in_language, valid_until
from services.certificate_service.store import Reservation, Sealed
from shared import sealing
from shared.clock import Ids

_WEB = re.compile(r"https?://[^\s<>\"{}|\\^`]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What one credential says."""

    certificate_id: str
    subject_id: str
    place: StatusBit
    holder_name: str
    course: Course
    body: Organisation
    score: float | None
    awarded_at: datetime
    valid_from: datetime


@dataclass(frozen=True, slots=True)
class Pen:
    """Writes, signs and seals credentials. `random_id` gives ids that tell nothing (uuid4)."""

    site: Site
    master: sealing.MasterSecret
    random_id: Ids

    def new_issuer_key(self, issuer_id: str, now: datetime) -> IssuerKey:
        """A first key for an awarding body."""
        return create_issuer_key(self.master, self.site.did(issuer_id), now)

    def new_holder_key(self) -> tuple[str, bytes]:
        """A key for a person: its id, and it wrapped."""
        key = person_keys.create_person_key(self.master, self.random_id())
        return key.key_id, key.wrapped

    def place(self, list_id: str, counter: int) -> StatusBit:
        """Map a list's counter to its bit position."""
        key = self.master.derive(f"status places:{list_id}")
        return StatusBit(list_id=list_id, number=status_list.place_for(counter, key))

    def reservation(self, enrolment_id: str, number: tuple[str, int]) -> Reservation:
        """What to reserve for an enrolment, with ids that are random."""
        return Reservation(
            enrolment_id=enrolment_id,
            certificate_id=self.random_id(),
            subject_id=self.random_id(),
            list_id=number[0],
            counter=number[1],
        )

    def write(self, contents: Contents, key: IssuerKey) -> bytes:
        """The signed credential as bytes. BadDocument when something in it cannot be signed."""
        place = contents.place
        status = status_list.status_entry(self.site.list_url(place.list_id), place.number, "revocation")
        unsigned = build(self._facts(contents, key.did), status)
        signed = sign(unsigned, open_issuer_key(self.master, key), contents.valid_from)
        return json.dumps(signed, ensure_ascii=False, separators=(",", ":")).encode()

    def seal(self, holder: Holder, certificate_id: str, credential: bytes, reason: str | None = None) -> Sealed:
        """Encrypted under the holder's key."""
        key = person_keys.PersonKey(holder.key_id, holder.keys[holder.key_id])
        return Sealed(
            certificate_id=certificate_id,
            key_id=key.key_id,
            credential=person_keys.encrypt(self.master, key, certificate_id, credential),
            reason=None if reason is None else self._sealed_reason(key, certificate_id, reason),
        )

    def with_reason(self, holder: Holder, sealed: Sealed, reason: str | None) -> Sealed:
        """The same credential with another reason beside it."""
        key = person_keys.PersonKey(sealed.key_id, holder.keys[sealed.key_id])
        text = None if reason is None else self._sealed_reason(key, sealed.certificate_id, reason)
        return Sealed(
            certificate_id=sealed.certificate_id, key_id=sealed.key_id, credential=sealed.credential, reason=text
        )

    def open(self, holder: Holder, sealed: Sealed) -> bytes:
        """The signed credential."""
        key = person_keys.PersonKey(sealed.key_id, holder.keys[sealed.key_id])
        return person_keys.decrypt(self.master, key, sealed.certificate_id, sealed.credential)

    def open_reason(self, holder: Holder, sealed: Sealed) -> str | None:
        """The reason of the last change of status."""
        if sealed.reason is None:
            return None
        key = person_keys.PersonKey(sealed.key_id, holder.keys[sealed.key_id])
        return person_keys.decrypt(self.master, key, _reason_id(sealed.certificate_id), sealed.reason).decode()

    def _sealed_reason(self, key: person_keys.PersonKey, certificate_id: str, reason: str) -> bytes:
        return person_keys.encrypt(self.master, key, _reason_id(certificate_id), reason.encode())

    def _facts(self, contents: Contents, did: str) -> CredentialFacts:
        body, course = contents.body, contents.course
        return CredentialFacts(
            credential_id=self.site.credential_url(contents.certificate_id),
            awarding_body=AwardingBody(
                did=did, name=body.legal_name, url=_absolute(body.homepage) or self.site.https, country=body.country
            ),
            course=_course_facts(course, self.site.achievement_url(course.id, course.version)),
            subject_uuid=contents.subject_id,
            holder_name=contents.holder_name,
            awarded_at=contents.awarded_at,
            valid_from=contents.valid_from,
            valid_until=valid_until(contents.awarded_at, course.certificate_validity_months),
            score=_score(contents.score),
        )


def _course_facts(course: Course, achievement_id: str) -> CourseFacts:
    language = course.default_language
    title = course.title
    return CourseFacts(
        achievement_id=achievement_id,
        version=str(course.version),
        title=title,
        description=in_language(course.descriptions, language) or title,
        criteria=f"Passed: {course.assessment_type}.",
        language=language,
        outcomes=tuple(_outcome(outcome, language) for outcome in course.outcomes),
        workload_hours=_decimal(course.workload_hours),
        assessment=course.assessment_type,
        mode=course.mode,
        quality_assurance=course.quality_assurance_type,
        ects=None if course.ects is None else _decimal(course.ects),
        eqf_level=course.eqf_level,
        homepage=_absolute(course.homepage),
    )


def _outcome(outcome: dict[str, object], language: str) -> Outcome:
    titles = outcome["title"]
    return Outcome(
        title=in_language(titles, language) if isinstance(titles, dict) else "",
        esco_uri=_text(outcome, "esco_uri"),
        digcomp=_text(outcome, "digcomp_code"),
        greencomp=_text(outcome, "greencomp_code"),
    )


def _text(outcome: dict[str, object], name: str) -> str | None:
    value = outcome.get(name)
    return value if isinstance(value, str) else None


def _absolute(address: str | None) -> str | None:
    """A web address that may stand in a credential, where a relative one would mean nothing."""
    return address if address is not None and _WEB.fullmatch(address) else None


def _score(score: float | None) -> Score | None:
    return None if score is None else Score(value=f"{_decimal(score).normalize():f}", minimum="0", maximum="100")


def _decimal(value: float) -> Decimal:
    return Decimal(str(value))


def _reason_id(certificate_id: str) -> str:
    return f"{certificate_id}/reason"
