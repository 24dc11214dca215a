"""Routes of employments and consents."""

from services.directory_service.api.parts import Parts, actor_of, page, reply
from services.directory_service.domain.criteria import RelationCriteria
from services.directory_service.schemas import (
    ConsentBody,
    ConsentView,
    EmploymentBody,
    EmploymentView,
    EndBody,
    PersonAtOrganisationQuery,
)
from shared.http.door import Call, Door, Reply

_READ, _WRITE = "directory:read", "directory:write"
# A worker decides about the own results without any right in the directory.
_WORKER_READS, _WORKER_WRITES = ("enrolment:read", _READ), ("enrolment:write", _WRITE)


def add(door: Door, parts: Parts) -> None:
    """Declare them."""
    _add_employments(door, parts)
    _add_consents(door, parts)


def _add_employments(door: Door, parts: Parts) -> None:
    @door.post("/v1/employments", scope=_WRITE, body=EmploymentBody, returns=EmploymentView)
    def start_employment(call: Call) -> Reply:
        """A person works for an organisation from a day on."""
        made = parts.writing(call.uow).employments.start(actor_of(call), call.body)
        return reply("employments", made, made=True)

    @door.get(
        "/v1/employments",
        scope=_READ,
        query=PersonAtOrganisationQuery,
        returns=EmploymentView,
        paged=True,
        personal="person_id",
    )
    def list_employments(call: Call) -> Reply:
        """Employments that the caller may see, by id."""
        criteria = RelationCriteria(**call.query)
        found = parts.reading().employments.page(actor_of(call), criteria, call.after, call.limit)
        return Reply(page(call, "employments", found))

    @door.get("/v1/employments/<employment_id>", scope=_READ, returns=EmploymentView, personal="person_id")
    def get_employment(call: Call, employment_id: str) -> Reply:
        """One employment."""
        return reply("employments", parts.reading().employments.get(actor_of(call), employment_id))

    @door.patch("/v1/employments/<employment_id>", scope=_WRITE, body=EndBody, returns=EmploymentView)
    def end_employment(call: Call, employment_id: str) -> Reply:
        """Say which day was or will be the last."""
        actions = parts.writing(call.uow).employments
        day = call.body["valid_until"]
        return reply("employments", actions.end(actor_of(call), employment_id, day, call.if_match))


def _add_consents(door: Door, parts: Parts) -> None:
    @door.post("/v1/consents", scope=_WORKER_WRITES, body=ConsentBody, returns=ConsentView)
    def give_consent(call: Call) -> Reply:
        """A worker lets an organisation see the results; the cluster's portal may pass this on, an employer may not."""
        return reply("consents", parts.writing(call.uow).consents.give(actor_of(call), call.body), made=True)

    @door.get(
        "/v1/consents",
        scope=_WORKER_READS,
        query=PersonAtOrganisationQuery,
        returns=ConsentView,
        paged=True,
        personal="person_id",
    )
    def list_consents(call: Call) -> Reply:
        """Consents that the caller may see, by id."""
        criteria = RelationCriteria(**call.query)
        found = parts.reading().consents.page(actor_of(call), criteria, call.after, call.limit)
        return Reply(page(call, "consents", found))

    @door.get("/v1/consents/<consent_id>", scope=_WORKER_READS, returns=ConsentView, personal="person_id")
    def get_consent(call: Call, consent_id: str) -> Reply:
        """One consent."""
        return reply("consents", parts.reading().consents.get(actor_of(call), consent_id))

    @door.post(
        "/v1/consents/<consent_id>/withdraw", scope=_WORKER_WRITES, returns=ConsentView, status=200, if_match="honoured"
    )
    def withdraw_consent(call: Call, consent_id: str) -> Reply:
        """Take a consent back; what was shared is not shown any more."""
        actions = parts.writing(call.uow).consents
        return reply("consents", actions.withdraw(actor_of(call), consent_id, call.if_match))
