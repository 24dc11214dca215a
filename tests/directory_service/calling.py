"""The directory alone: its real application on the real MongoDB, called as its callers would."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.schemas.codec import decode_data
from shared.storage.mongo import MongoDatabase
from tests.answers import Answer
from tests.tokens import TestIssuer

Headers = Mapping[str, str]


def new_uuid() -> str:
    """An id that nobody has."""
    return str(uuid.uuid4())


@dataclass
class Directory:
    """The application, its database, and who calls it."""

    app: Any
    database: MongoDatabase
    issuer: TestIssuer | None

    def call(self, method: str, path: str, who: Headers | None = None, body: Any = None, **headers: str) -> Answer:
        """One request; header names are written with underscores."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        response = self.app.test_client().open(path, method=method, headers={**(who or {}), **more}, json=body)
        return Answer(response.status_code, response.get_json(silent=True), response.headers)

    def made(self, path: str, who: Headers, body: Any, method: str = "POST") -> Any:
        """What a request made that has to succeed."""
        answer = self.call(method, path, who, body)
        assert answer.status in {200, 201}, answer.body
        return answer.body

    # -- who

    def token(self, *scopes: str, **claims: Any) -> dict[str, str]:
        """A caller with these scopes."""
        assert self.issuer is not None
        return self.issuer.authorization(scopes=scopes, **claims)

    def operator(self) -> dict[str, str]:
        """The platform's operator."""
        return self.token("operations", "directory:read", "directory:write", cluster_id=None, subject="operator")

    def portal(self, cluster_id: str) -> dict[str, str]:
        """A cluster's partner portal."""
        scopes = ("directory:read", "directory:write", "enrolment:read", "enrolment:write")
        return self.token(*scopes, cluster_id=cluster_id, client_id=f"partner-{cluster_id}")

    def manager(self, cluster_id: str) -> dict[str, str]:
        """A cluster's manager."""
        return self.token(
            "directory:read",
            "directory:write",
            cluster_id=cluster_id,
            person_id=new_uuid(),
            roles=["manager"],
            subject=f"manager-{cluster_id}",
        )

    def hr(self, cluster_id: str, *organisation_ids: str) -> dict[str, str]:
        """Somebody of HR."""
        return self.token(
            "directory:read",
            "directory:write",
            "enrolment:read",
            "enrolment:write",
            cluster_id=cluster_id,
            person_id=new_uuid(),
            roles=["hr"],
            organisation_ids=organisation_ids,
            subject="hr",
        )

    def worker(self, cluster_id: str, person_id: str) -> dict[str, str]:
        """A worker who signed in."""
        return self.token(
            "enrolment:read",
            "enrolment:write",
            cluster_id=cluster_id,
            person_id=person_id,
            roles=["worker"],
            subject=f"worker-{person_id}",
        )

    # -- what is there

    def cluster(self) -> str:
        """A new cluster."""
        cluster_id = new_uuid()
        body = {"id": cluster_id, "type": "cluster", "legal_name": "Cluster", "country": "DE"}
        self.made("/v1/organisations", self.operator(), body)
        return cluster_id

    def company(self, cluster_id: str, **facts: Any) -> str:
        """A new company of a cluster."""
        body = {"type": "sme", "legal_name": "Werk GmbH", "country": "DE", **facts}
        return str(self.made("/v1/organisations", self.portal(cluster_id), body)["id"])

    def person(self, cluster_id: str, **facts: Any) -> str:
        """A new person of a cluster."""
        body = {"given_name": "Jana", "family_name": "Keller", **facts}
        return str(self.made("/v1/people", self.portal(cluster_id), body)["id"])

    def employment(self, cluster_id: str, person_id: str, organisation_id: str) -> Any:
        """A person works somewhere from today on."""
        body = {"person_id": person_id, "organisation_id": organisation_id}
        return self.made("/v1/employments", self.portal(cluster_id), body)

    def told(self, key: str, topic: str | None = None) -> Any:
        """The last event of an aggregate; of one topic where several have its key."""
        query = {"key": key} if topic is None else {"key": key, "topic": topic}
        row = self.database["outbox"].find_one(query, sort=[("sequence", -1)])
        assert row is not None
        return decode_data(row["type"], row["data"])

    def events(self, key: str) -> list[str]:
        """Types of the events of an aggregate, in order."""
        return [row["type"] for row in self.database["outbox"].find({"key": key}).sort("sequence", 1)]
