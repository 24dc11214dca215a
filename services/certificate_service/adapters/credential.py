"""The Open Badges 3.0 credential (W3C VCDM 2.0) of a certificate, built from plain facts."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from services.certificate_service.adapters import frameworks
from services.certificate_service.adapters.contexts import CREDENTIALS_V2, OPEN_BADGES, OPEN_BADGES_EXTENSIONS
from services.certificate_service.adapters.frameworks import Outcome
from services.certificate_service.adapters.plain_json import Document
from services.certificate_service.adapters.signing import timestamp

CONTEXT = [CREDENTIALS_V2, OPEN_BADGES, OPEN_BADGES_EXTENSIONS]
SCHEMA = {
    "id": "https://purl.imsglobal.org/spec/ob/v3p0/schema/json/ob_v3p0_achievementcredential_schema.json",
    "type": "1EdTechJsonSchemaValidator2019",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AwardingBody:
    """Who awards: the issuer's did, its name, web address and country (ISO 3166-1 alpha-2)."""

    did: str
    name: str
    url: str
    country: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What was achieved, on which scale (ResultType of Open Badges)."""

    value: str
    kind: Literal["Percent", "RawScore", "LetterGrade", "GradePointAverage", "Status", "Result"] = "Percent"
    minimum: str | None = None
    maximum: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseFacts:
    """The course version as it was when the certificate was awarded, in one language."""

    achievement_id: str
    version: str
    title: str
    description: str
    criteria: str
    language: str
    outcomes: tuple[Outcome, ...]
    workload_hours: Decimal
    assessment: str
    mode: str
    quality_assurance: str
    ects: Decimal | None = None
    eqf_level: int | None = None
    homepage: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialFacts:
    """Everything a certificate says. `subject_uuid` is random per certificate, never the person's id."""

    credential_id: str
    awarding_body: AwardingBody
    course: CourseFacts
    subject_uuid: str
    holder_name: str
    awarded_at: datetime
    valid_from: datetime
    valid_until: datetime | None = None
    score: Score | None = None
    certificate_number: str | None = None


def build_credential(facts: CredentialFacts, status: Document | list[Document]) -> Document:
    """The unsigned credential. `status` is one entry of `status_entry`; the 1EdTech schema takes no list of them."""
    return {
        "@context": CONTEXT,
        "id": facts.credential_id,
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "name": facts.course.title,
        "issuer": _issuer(facts.awarding_body),
        "validFrom": timestamp(facts.valid_from),
        **_if("validUntil", timestamp(facts.valid_until) if facts.valid_until else None),
        "awardedDate": timestamp(facts.awarded_at),
        "credentialSubject": _subject(facts),
        "credentialStatus": status,
        "credentialSchema": [SCHEMA],
    }


def _issuer(body: AwardingBody) -> Document:
    return {
        "id": body.did,
        "type": ["Profile"],
        "name": body.name,
        "url": body.url,
        "address": {"type": ["Address"], "addressCountryCode": body.country},
    }


def _subject(facts: CredentialFacts) -> Document:
    course = facts.course
    return {
        "id": f"urn:uuid:{facts.subject_uuid}",
        "type": ["AchievementSubject"],
        "identifier": [_identity(facts.holder_name)],
        **_if("creditsEarned", _credits(course.ects)),
        **_if("licenseNumber", facts.certificate_number),
        "achievement": _achievement(course, facts.score),
        **_if("result", [_result(course, facts.score)] if facts.score else None),
    }


def _identity(name: str) -> Document:
    return {"type": "IdentityObject", "hashed": False, "identityHash": name, "identityType": "name"}


def _achievement(course: CourseFacts, score: Score | None) -> Document:
    return {
        "id": course.achievement_id,
        "type": ["Achievement"],
        "achievementType": "MicroCredential",
        "name": course.title,
        "description": course.description,
        "criteria": {**_if("id", course.homepage), "narrative": _narrative(course)},
        **_if("creditsAvailable", _credits(course.ects)),
        "inLanguage": course.language,
        "version": course.version,
        "alignment": _alignments(course),
        **_if("resultDescription", [_result_description(course, score)] if score else None),
    }


def _narrative(course: CourseFacts) -> str:
    """The criteria and the learning outcomes, which need not have a code to be stated."""
    return "\n".join([course.criteria, "", *(f"- {outcome.title}" for outcome in course.outcomes)])


def _alignments(course: CourseFacts) -> list[Document]:
    """Each once: equal ones would be one fact said twice."""
    found = [entry for outcome in course.outcomes for entry in frameworks.outcome_alignments(outcome)]
    if course.eqf_level is not None:
        found.append(frameworks.eqf_alignment(course.eqf_level))
    if course.ects is not None:
        found.append(frameworks.ects_alignment(_decimal(course.ects)))
    found.append(frameworks.workload_alignment(_decimal(course.workload_hours)))
    found.append(frameworks.assessment_alignment(course.assessment))
    found.append(frameworks.mode_alignment(course.mode))
    found.append(frameworks.quality_alignment(course.quality_assurance))
    return [entry for place, entry in enumerate(found) if entry not in found[:place]]


def _result_description(course: CourseFacts, score: Score) -> Document:
    return {
        "id": _score_id(course),
        "type": ["ResultDescription"],
        "name": course.assessment,
        "resultType": score.kind,
        **_if("valueMin", score.minimum),
        **_if("valueMax", score.maximum),
    }


def _result(course: CourseFacts, score: Score) -> Document:
    return {
        "type": ["Result"],
        "resultDescription": _score_id(course),
        "status": "Completed",
        "value": score.value,
    }


def _score_id(course: CourseFacts) -> str:
    return f"{course.achievement_id}#score"


def _credits(points: Decimal | None) -> int | float | None:
    """A JSON number that every processor writes alike: whole points as an integer."""
    if points is None:
        return None
    return int(points) if points == points.to_integral_value() else float(points)


def _decimal(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _if(name: str, value: object) -> Document:
    return {} if value is None else {name: value}
