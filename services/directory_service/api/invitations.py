"""Routes of invitations."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from services.directory_service.actions import Actions
from services.directory_service.actions.invitations import Invitations
from services.directory_service.api.parts import Parts, actor_of, page, reply
from services.directory_service.domain.criteria import InvitationCriteria
from services.directory_service.domain.invitation import INVITED, Invitation
from services.directory_service.domain.person import Person
from services.directory_service.schemas.invitations import (
    AcceptBody,
    EndedInvitationView,
    InvitationBody,
    InvitationQuery,
    InvitationView,
    NamedInvitationView,
    OfferView,
    SecretBody,
)
from shared.http.door import PUBLIC, Call, Door, Reply

_READ, _WRITE = "directory:read", "directory:write"
_ONE = "/v1/invitations/<invitation_id>"
_PERSON = ("given_name", "family_name", "email")


def add(door: Door, parts: Parts) -> None:
    """Declare them."""
    _add_managing(door, parts)
    _add_accepting(door, parts)


def _add_managing(door: Door, parts: Parts) -> None:
    def told(body: Mapping[str, Any], **_ids: str) -> dict[str, Any]:
        """The link is kept nowhere, and made anew for the same request."""
        return {"link": _link(parts, body["id"], body["status"])}

    @door.post("/v1/invitations", scope=_WRITE, body=InvitationBody, returns=InvitationView, unkept=told)
    def invite(call: Call) -> Reply:
        """Invite a person to sign in. Give the link to them; it is good for 14 days.

        Managers invite to every role of their cluster, HR to the roles worker, trainer and hr of the own organisations,
        a portal's key workers. Somebody new is registered, and works for the organisations named.
        """
        actions = parts.writing(call.uow)
        made = actions.invitations.invite(actor_of(call), dict(call.body), actions.people, actions.employments)
        return reply("invitations", made, made=True)

    @door.get(
        "/v1/invitations",
        scope=_READ,
        query=InvitationQuery,
        returns=NamedInvitationView,
        paged=True,
        personal="person_id",
    )
    def list_invitations(call: Call) -> Reply:
        """Invitations that the caller may manage, with the links of those that are open."""
        actions, wanted = parts.reading(), dict(call.query)
        named = wanted.pop("include", None) is not None
        found = actions.invitations.page(actor_of(call), InvitationCriteria(**wanted), call.after, call.limit)
        names = _names(actions, found) if named else {}
        shown = {one.id: {**_more(parts, actions.invitations, one), **names.get(one.id, {})} for one in found}
        return Reply(page(call, "invitations", found, lambda one: shown[one.id]))

    @door.get(_ONE, scope=_READ, returns=InvitationView)
    def get_invitation(call: Call, invitation_id: str) -> Reply:
        """One invitation, with its link while it is open."""
        actions = parts.reading().invitations
        found = actions.get(actor_of(call), invitation_id)
        return reply("invitations", found, **_more(parts, actions, found))

    @door.post(f"{_ONE}/withdraw", scope=_WRITE, returns=InvitationView, status=200, if_match="honoured")
    def withdraw_invitation(call: Call, invitation_id: str) -> Reply:
        """Take it back: its link opens nothing any more."""
        found = parts.writing(call.uow).invitations.withdraw(actor_of(call), invitation_id, call.if_match)
        return reply("invitations", found, link=None)

    @door.post(
        f"{_ONE}/end", scope=_WRITE, returns=EndedInvitationView, status=200, if_match="honoured", errors=(409, 503)
    )
    def end_invitation(call: Call, invitation_id: str) -> Reply:
        """Take the role from the person who accepted; without any role left, the login ends, too."""
        ended, seconds = parts.writing(call.uow).invitations.end(actor_of(call), invitation_id, call.if_match)
        until = None if ended.ended_at is None else ended.ended_at + timedelta(seconds=seconds)
        return reply("invitations", ended, link=None, tokens_end_at=until)


def _add_accepting(door: Door, parts: Parts) -> None:
    @door.post(f"{_ONE}/offer", scope=PUBLIC, body=SecretBody, returns=OfferView, status=200, plain=True, errors=(404,))
    def read_offer(call: Call, invitation_id: str) -> Reply:
        """What the bearer of the link is invited to."""
        actions = parts.reading().invitations
        offer = actions.offer(invitation_id, call.body["secret"])
        found, person = offer.invitation, offer.person
        return Reply(
            {
                "id": found.id,
                "role": found.role,
                "status": actions.state(found),
                "cluster_id": found.cluster_id,
                "cluster_name": offer.cluster_name,
                "organisations": list(offer.organisations),
                "given_name": person.given_name,
                "family_name": person.family_name,
                "username": person.email,
                "expires_at": found.expires_at,
            }
        )

    @door.post(
        f"{_ONE}/accept", scope=PUBLIC, body=AcceptBody, returns=InvitationView, status=200, errors=(404, 409, 503)
    )
    def accept_invitation(call: Call, invitation_id: str) -> Reply:
        """Accept it and choose a password; sign in with the mail address from now on."""
        actions = parts.writing(call.uow).invitations
        found = actions.accept(invitation_id, call.body["secret"], call.body["password"])
        return reply("invitations", found, link=None)


def _names(actions: Actions, found: list[Invitation]) -> dict[str, dict[str, Any]]:
    """By invitation, who is invited and for which organisations."""
    people = actions.invitations.people(found)
    organisations = actions.invitations.names(one for each in found for one in each.organisation_ids)
    nobody = Person(id="", cluster_id="")
    return {
        one.id: {
            **{name: getattr(people.get(one.person_id, nobody), name) for name in _PERSON},
            "organisation_names": [organisations.get(each, each) for each in one.organisation_ids],
        }
        for one in found
    }


def _more(parts: Parts, actions: Invitations, found: Invitation) -> dict[str, Any]:
    status = actions.state(found)
    return {"status": status, "link": _link(parts, found.id, status)}


def _link(parts: Parts, invitation_id: str, status: str) -> str | None:
    """Where the person accepts; None once nobody can."""
    if status != INVITED:
        return None
    secret = urlencode({"secret": parts.invitation_secret(invitation_id)})
    return f"{parts.public_url}/invitations/{invitation_id}?{secret}"
