"""The bodies of the certificate service's routes."""

from typing import Any

from marshmallow import Schema, fields, pre_load, validate

from services.certificate_service.adapters.verification import CHECKS
from shared.http.fields import Since, one_of

STANDINGS = ("valid", "suspended", "revoked", "expired")


class StatusReason(Schema):
    """Why. Kept encrypted with the certificate, shown to those who may see it, never published."""

    reason = fields.String(required=True, validate=validate.Length(3, 1000))


class OptionalReason(Schema):
    """Why, if there is something to say."""

    reason = fields.String(validate=validate.Length(3, 1000))


class CertificateLinks(Schema):
    """Where to go on."""

    self = fields.String(required=True)
    credential = fields.String(required=True)
    verify = fields.String(required=True)


class CertificateView(Schema):
    """A certificate without the name, which only the credential itself holds.

    Who awarded it, and may see it for that reason alone, gets null for `employer_id` and `cluster_id`.

    With `visible` false only `id`, `version` and the times are told: it was visible once and is not any more.
    """

    id = fields.String(required=True)
    visible = fields.Boolean(required=True)
    version = fields.Integer(required=True)
    created_at = fields.AwareDateTime(required=True)
    updated_at = fields.AwareDateTime(required=True)
    changed_at = fields.AwareDateTime(
        required=True, allow_none=True, metadata={"description": "Of its position in the feed"}
    )
    status = one_of(STANDINGS, "CertificateStatus", allow_none=True)
    person_id = fields.String(allow_none=True)
    enrolment_id = fields.String(allow_none=True)
    employer_id = fields.String(allow_none=True)
    cluster_id = fields.String(allow_none=True)
    course_id = fields.String(allow_none=True)
    course_version = fields.Integer(allow_none=True)
    course_title = fields.String(allow_none=True)
    awarding_body_id = fields.String(allow_none=True)
    awarding_body = fields.String(allow_none=True)
    awarded_at = fields.AwareDateTime(allow_none=True)
    issued_at = fields.AwareDateTime(allow_none=True)
    valid_from = fields.AwareDateTime(allow_none=True)
    valid_until = fields.AwareDateTime(allow_none=True)
    reissues = fields.Integer(allow_none=True)
    holder_erased = fields.Boolean(allow_none=True)
    reason = fields.String(allow_none=True, metadata={"description": "Of its present status; only in GET of one"})
    links = fields.Nested(CertificateLinks)


class CertificateQuery(Schema):
    """Which certificates."""

    employer = fields.String(validate=validate.Length(1, 64))
    worker = fields.String(validate=validate.Length(1, 64))
    course = fields.String(validate=validate.Length(1, 64))
    issued_since = Since()
    changed_since = Since(metadata={"description": "Inclusive"})
    status = one_of(STANDINGS, "CertificateStatus")
    expiring_before = Since()


class PullView(Schema):
    """What the list tells beside its items."""

    pull = fields.String(
        required=True,
        metadata={"description": "A cursor, on every page: kept, it begins the next pull where this ended"},
    )


class CredentialQuery(Schema):
    """The secret of a share link or of the QR."""

    secret = fields.String(validate=validate.Length(1, 200))


class WithheldView(Schema):
    """A completion that is not certified for now."""

    enrolment_id = fields.String(required=True)
    course_id = fields.String(required=True)
    course_version = fields.Integer(required=True)
    awarding_body_id = fields.String(required=True)
    reason = one_of(("NOT_GRANTED", "ORGANISATION_SUSPENDED"), "WithheldReason", required=True)
    since = fields.AwareDateTime(required=True)


class StatusView(Schema):
    """What anybody may know of a certificate."""

    id = fields.String(required=True)
    status = one_of(STANDINGS, "CertificateStatus", required=True)
    holder_erased = fields.Boolean(required=True)
    summary = fields.String(required=True)
    course = fields.String(required=True)
    awarding_body = fields.String(required=True)


class VerifiedView(StatusView):
    """The rest is told to who has the credential, or the secret that opens it."""

    holder = fields.String(required=True, allow_none=True)
    issued_at = fields.AwareDateTime(required=True, allow_none=True)
    expires_at = fields.AwareDateTime(required=True, allow_none=True)


class ShareBody(Schema):
    """How long a link is to be good for."""

    days = fields.Integer(
        load_default=30, validate=validate.Range(1, 365), metadata={"description": "Until it expires, from now"}
    )


class ShareFacts(Schema):
    """A link that opens the credential until it expires or is ended."""

    id = fields.String(required=True, metadata={"description": "By which the link is ended"})
    created_at = fields.AwareDateTime(required=True)
    expires_at = fields.AwareDateTime(
        required=True, allow_none=True, metadata={"description": "Null: made when links did not expire"}
    )
    ended_at = fields.AwareDateTime(required=True, allow_none=True, metadata={"description": "Null: not ended"})


class ShareList(Schema):
    """The links of a certificate, the newest first."""

    items = fields.List(fields.Nested(ShareFacts), required=True)


class ShareView(ShareFacts):
    """A new link. Only the request that made it is told the secret."""

    secret = fields.String(required=True, metadata={"description": "Part of the link; told to this request alone"})
    url = fields.String(required=True, metadata={"description": "The page where whoever has the link sees it"})


class EndedView(Schema):
    """The link opens nothing any more."""

    id = fields.String(required=True)
    ended = fields.Boolean(required=True)


class VerificationBody(Schema):
    """What to verify: a credential, or the address of one of ours. One of the two. A bare credential is taken, too."""

    credential = fields.Dict(
        keys=fields.String(), metadata={"description": "The signed credential, as its holder gave it"}
    )
    url = fields.String(
        validate=validate.Length(1, 2000),
        metadata={
            "description": "`links.credential` or `links.verify` of a certificate, with its secret if there is one"
        },
    )

    @pre_load
    def wrap(self, data: Any, **_: Any) -> Any:
        """Take a body that is the credential itself."""
        return {"credential": data} if isinstance(data, dict) and "@context" in data else data


class CheckView(Schema):
    """One line. `ok` is null when an earlier line left nothing to check."""

    name = one_of(tuple(CHECKS), "CheckName", required=True)
    ok = fields.Boolean(required=True, allow_none=True)
    code = fields.String(
        required=True, metadata={"description": "The reason for programs: HOLDS, REVOKED, EXPIRED ..."}
    )
    reason = fields.String(required=True, metadata={"description": "The reason for people, in English"})


class VerificationView(Schema):
    """Whether every line holds, and what our record says when the certificate is one of ours."""

    verified = fields.Boolean(required=True)
    checks = fields.List(fields.Nested(CheckView), required=True)
    certificate = fields.Nested(VerifiedView, required=True, allow_none=True)
