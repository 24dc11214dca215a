"""Bodies and answers of programs' keys."""

from marshmallow import Schema, fields, validate

from services.directory_service.domain.program import ACTIVE, ENDED, KINDS
from shared.http.fields import Resource, one_of, text
from shared.http.ids import Include


class ProgramBody(Schema):
    """A new key."""

    name = text(100, required=True, metadata={"description": "For people: which program it is"})
    kind = one_of(
        tuple(KINDS),
        "ProgramKind",
        required=True,
        metadata={
            "description": (
                "portal: a partner portal; provider: a provider's course system; hr: an employer's HR system; "
                "quality: reviews courses"
            )
        },
    )
    cluster_id = text(64, metadata={"description": "Only the platform's operator needs to name one"})
    organisation_ids = fields.List(
        text(64), validate=validate.Length(0, 20), load_default=list, metadata={"description": "Of a provider's key"}
    )
    scopes = fields.List(
        text(64),
        validate=validate.Length(0, 20),
        load_default=list,
        metadata={"description": "All of the kind if absent"},
    )


class ProgramView(Resource):
    """A key. `secret` is there in the answer that made or rotated it, and never again."""

    client_id = fields.String(required=True)
    name = fields.String(required=True)
    kind = one_of(tuple(KINDS), "ProgramKind", required=True)
    cluster_id = fields.String(required=True)
    organisation_ids = fields.List(fields.String(), required=True)
    scopes = fields.List(fields.String(), required=True)
    status = one_of((ACTIVE, ENDED), "ProgramStatus", required=True)
    made_by = fields.String(required=True, metadata={"description": "The login that made it"})
    rotated_at = fields.AwareDateTime(required=True, allow_none=True)
    ended_at = fields.AwareDateTime(required=True, allow_none=True)


class ProgramDetail(ProgramView):
    """A key and when it was used."""

    last_used_at = fields.AwareDateTime(
        allow_none=True,
        metadata={"description": "When it last got a token; null: not in 30 days. In lists with include=last_used"},
    )


class ProgramSecret(ProgramView):
    """A key with its secret, shown in this answer only (and to the same request sent again with its Idempotency-Key)."""

    secret = fields.String(metadata={"description": "Keep it: it is never shown again"})
    token_url = fields.String(metadata={"description": "Where it gets tokens (client credentials)"})


class EndedProgram(ProgramView):
    """A key that was ended."""

    tokens_end_at = fields.AwareDateTime(
        required=True, metadata={"description": "Until then tokens that it got before may still be used"}
    )


class ProgramQuery(Schema):
    """Which keys."""

    cluster = text(64)
    acts_for = text(64, data_key="organisation")
    kind = one_of(tuple(KINDS), "ProgramKind")
    status = one_of((ACTIVE, ENDED), "ProgramStatus")
    include = Include(("last_used",))
