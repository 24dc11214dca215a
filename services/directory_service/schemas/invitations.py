"""Bodies and answers of invitations."""

from marshmallow import Schema, fields, validate

from services.directory_service.domain.invitation import ACCEPTED, ENDED, EXPIRED, INVITED, ROLES, WITHDRAWN
from services.directory_service.schemas.parts import LANGUAGE, Id
from shared.http.fields import Resource, one_of, pattern, text
from shared.http.ids import Include


class InvitationBody(Schema):
    """Whom to invite: somebody known, by `person_id`; or somebody new, by name and mail address."""

    id = Id(metadata={"description": "Your choice, for repeatable seeds"})
    person_id = text(64)
    given_name = text(200)
    family_name = text(200)
    email = fields.Email(validate=validate.Length(1, 254))
    language = pattern(LANGUAGE, metadata={"description": "BCP 47"})
    role = one_of(ROLES, "Role", required=True)
    cluster_id = text(64, metadata={"description": "Only the platform's operator needs to name one"})
    organisation_ids = fields.List(
        text(64),
        load_default=list,
        validate=validate.Length(0, 20),
        metadata={"description": "For whom they act; hr and trainer need one"},
    )


class InvitationView(Resource):
    """An invitation, without personal data."""

    cluster_id = fields.String(required=True)
    person_id = fields.String(required=True)
    role = one_of(ROLES, "Role", required=True)
    organisation_ids = fields.List(fields.String(), required=True)
    status = one_of((INVITED, ACCEPTED, WITHDRAWN, EXPIRED, ENDED), "InvitationStatus", required=True)
    expires_at = fields.AwareDateTime(required=True)
    accepted_at = fields.AwareDateTime(required=True, allow_none=True)
    withdrawn_at = fields.AwareDateTime(required=True, allow_none=True)
    ended_at = fields.AwareDateTime(required=True, allow_none=True)
    link = fields.String(
        allow_none=True, metadata={"description": "Give it to the person and to nobody else; null once it is closed"}
    )


class NamedInvitationView(InvitationView):
    """An invitation; with `include=people` also who is invited and for which organisations."""

    given_name = fields.String(allow_none=True)
    family_name = fields.String(allow_none=True)
    email = fields.String(allow_none=True)
    organisation_names = fields.List(fields.String())


class EndedInvitationView(InvitationView):
    """An invitation whose role was ended."""

    tokens_end_at = fields.AwareDateTime(
        required=True, metadata={"description": "Until then tokens that the person got before may still be used"}
    )


class InvitationQuery(Schema):
    """Which invitations."""

    person = text(64)
    role = one_of(ROLES)
    status = one_of((INVITED, ACCEPTED, WITHDRAWN, EXPIRED, ENDED), "InvitationStatus")
    include = Include(("people",))


class SecretBody(Schema):
    """What the link holds."""

    secret = text(100, required=True)


class AcceptBody(SecretBody):
    """What the link holds, and the password to sign in with."""

    password = fields.String(required=True, metadata={"description": "12 characters at least", "format": "password"})


class OfferView(Schema):
    """What somebody is invited to."""

    id = fields.String(required=True)
    role = one_of(ROLES, "Role", required=True)
    status = one_of((INVITED, ACCEPTED, WITHDRAWN, EXPIRED, ENDED), "InvitationStatus", required=True)
    cluster_id = fields.String(required=True)
    cluster_name = fields.String(required=True)
    organisations = fields.List(fields.String(), required=True, metadata={"description": "Their legal names"})
    given_name = fields.String(required=True, allow_none=True)
    family_name = fields.String(required=True, allow_none=True)
    username = fields.String(required=True, allow_none=True, metadata={"description": "What they will sign in as"})
    expires_at = fields.AwareDateTime(required=True)
