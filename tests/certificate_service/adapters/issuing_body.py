"""An awarding body for tests: its keys, its status lists, and credentials it signs, all in memory."""

import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from services.certificate_service.adapters import keys as issuer_keys
from services.certificate_service.adapters import signing
from services.certificate_service.adapters import status_list as bitstring
from services.certificate_service.adapters.credential import (
    AwardingBody,
    CourseFacts,
    CredentialFacts,
    Score,
    build_credential,
)
from services.certificate_service.adapters.frameworks import Outcome
from services.certificate_service.adapters.verification import CannotRead
from shared import sealing

Document = dict[str, Any]

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
MASTER = sealing.MasterSecret(b"a master secret of tests, 32 byte")
BASE = "https://certificates.example"

COURSE = CourseFacts(
    achievement_id=f"{BASE}/courses/c-17/versions/3",
    version="3",
    title="Predictive maintenance of welding robots",
    description="Reading sensor data of welding robots and planning repairs before a stop.",
    criteria="At least 60 of 100 points in the written examination.",
    language="en",
    outcomes=(
        Outcome(
            title="maintain robotic equipment",
            esco_uri="http://data.europa.eu/esco/skill/86e2b6a7-2c5b-4bd1-8d5c-2b8e3e3b6e77",
        ),
        Outcome(title="evaluate data", digcomp="1.2", greencomp="2.1"),
        Outcome(title="hand over a shift"),
    ),
    workload_hours=Decimal("37.5"),
    assessment="written examination",
    mode="Blended",
    quality_assurance="ISO 21001",
    ects=Decimal("1.5"),
    eqf_level=5,
)


@dataclass
class IssuingBody:
    """Also the `Sources` its credentials are verified with."""

    base: str = BASE
    issuer_id: str = "heilbronn"
    now: datetime = NOW
    keys: list[issuer_keys.IssuerKey] = field(default_factory=list)
    lists: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.did = issuer_keys.did_web(self.base, self.issuer_id)
        self.rotate()
        self.publish("revocation")
        self.publish("suspension")

    def rotate(self) -> None:
        """A new key signs from now on."""
        created = self.now + timedelta(seconds=len(self.keys))
        self.keys.append(issuer_keys.create_issuer_key(MASTER, self.did, created))

    @property
    def key(self) -> issuer_keys.SigningKey:
        return issuer_keys.open_issuer_key(MASTER, self.keys[-1])

    def list_url(self, purpose: str) -> str:
        return f"{self.base}/status/{self.issuer_id}-{purpose}"

    def list_document(self, purpose: bitstring.Purpose, places: tuple[int, ...] = ()) -> Document:
        return bitstring.status_list_document(
            self.list_url(purpose),
            self.did,
            purpose,
            bitstring.StatusList.of(places),
            starts=self.now,
            ends=self.now + timedelta(hours=1),
        )

    def publish(self, purpose: bitstring.Purpose, *places: int) -> None:
        self.lists[self.list_url(purpose)] = signing.sign(self.list_document(purpose, places), self.key, self.now)

    def facts(self, **changes: Any) -> CredentialFacts:
        body = AwardingBody(did=self.did, name="Kompetenzzentrum Süd", url="https://south.example", country="DE")
        given: dict[str, Any] = {
            "credential_id": f"{self.base}/credentials/9a7c2e",
            "awarding_body": body,
            "course": COURSE,
            "subject_uuid": "5f0f6a51-9d0c-4f6b-8c7d-6a8a1f6d9c11",
            "holder_name": "Zoë Müller-Ñandú",
            "awarded_at": self.now,
            "valid_from": self.now,
            "valid_until": self.now + timedelta(days=1000),
            "score": Score(value="87", minimum="0", maximum="100"),
        }
        return CredentialFacts(**{**given, **changes})

    def unsigned(self, *, place: int = 7, both: bool = False, **changes: Any) -> Document:
        entries = [bitstring.status_entry(self.list_url("revocation"), place, "revocation")]
        if both:
            entries.append(bitstring.status_entry(self.list_url("suspension"), place, "suspension"))
        return copy.deepcopy(build_credential(self.facts(**changes), entries if both else entries[0]))

    def signed(self, **options: Any) -> Document:
        return signing.sign(self.unsigned(**options), self.key, self.now)

    def did_document(self, did: str) -> Document:
        if did != self.did:
            raise CannotRead("AWAY", f"The did document of {did} cannot be read.")
        return issuer_keys.did_document(self.did, self.keys)

    def status_list(self, url: str) -> Any:
        if url not in self.lists:
            raise CannotRead("AWAY", f"The status list {url} cannot be read.")
        return self.lists[url]
