"""Events of certificates."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from shared.schemas.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateEvent(Event):
    """Common to all events of a certificate. `cluster_id` is the worker's home."""

    KEY: ClassVar[str] = "certificate_id"
    certificate_id: str
    enrolment_id: str
    person_id: str
    course_id: str
    course_version: int
    cluster_id: str
    employer_id: str | None
    awarding_body_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateIssued(CertificateEvent):
    """Signed and stored; one per enrolment."""

    TYPE: ClassVar[str] = "certificate.issued.v1"
    issued_at: datetime
    completed_at: datetime
    valid_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateSuspended(CertificateEvent):
    """Not valid for now."""

    TYPE: ClassVar[str] = "certificate.suspended.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateReinstated(CertificateEvent):
    """Valid again."""

    TYPE: ClassVar[str] = "certificate.reinstated.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRevoked(CertificateEvent):
    """Never valid again. The reason is free text and stays home.

    `cause`: awarding_body (by hand), result_corrected; None in events older than the field.
    """

    TYPE: ClassVar[str] = "certificate.revoked.v1"
    cause: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateSuperseded(CertificateEvent):
    """A reissue took its place under the same credential id."""

    TYPE: ClassVar[str] = "certificate.superseded.v1"
