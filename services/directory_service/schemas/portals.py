"""Bodies and answers of a cluster's settings."""

from typing import Any

from marshmallow import Schema, fields, post_load, validate

from services.directory_service.domain.portal import (
    APPROVAL,
    LABELS,
    MEMBER_TYPES,
    Brand,
    ConsentText,
    Imprint,
    Label,
    Profile,
    Retention,
)
from services.directory_service.domain.relations import PURPOSES
from services.directory_service.schemas.parts import LANGUAGE, count
from shared.http.fields import Resource, one_of, pattern, text, url


class BrandPart(Schema):
    """How the cluster's pages look."""

    name = text(200, allow_none=True)
    colour = fields.String(
        validate=[validate.Regexp(r"^#[0-9a-fA-F]{6}$"), validate.Length(equal=7)],
        metadata={"description": "White text on it must have a contrast of at least 4.5", "example": "#1f4e79"},
    )
    logo_url = url(allow_none=True)

    @post_load
    def _made(self, data: dict[str, Any], **_: Any) -> Brand:
        return Brand(**data)


class ImprintPart(Schema):
    """Who answers for the pages."""

    organisation = text(300, allow_none=True)
    address = text(1_000, allow_none=True)
    email = fields.Email(allow_none=True, validate=validate.Length(1, 254))
    phone = text(50, allow_none=True)
    register_entry = text(300, allow_none=True)
    privacy_url = url(allow_none=True)

    @post_load
    def _made(self, data: dict[str, Any], **_: Any) -> Imprint:
        return Imprint(**data)


class ConsentTextPart(Schema):
    """What people are shown before they consent."""

    purpose = one_of(PURPOSES, "ConsentPurpose", required=True)
    language = pattern(LANGUAGE, required=True, metadata={"description": "BCP 47"})
    text_version = text(50, required=True, metadata={"description": "Your word for it, such as 2026-01"})
    text = text(5_000, required=True)

    @post_load
    def _made(self, data: dict[str, Any], **_: Any) -> ConsentText:
        return ConsentText(**data)


class RetentionPart(Schema):
    """How long things are kept."""

    audit_days = fields.Integer(
        validate=validate.Range(30, 3_660), metadata={"description": "Who read whose personal data"}
    )
    inactive_person_months = fields.Integer(
        validate=validate.Range(6, 240),
        allow_none=True,
        metadata={"description": "When to propose the erasure of people without employment; null: never"},
    )

    @post_load
    def _made(self, data: dict[str, Any], **_: Any) -> Retention:
        return Retention(**data)


class ProfilePart(Schema):
    """What the cluster organisation is. A label needs at least 0.5 FTE, 15 members and 2 types of members."""

    management_fte = fields.Float(validate=validate.Range(0, 10_000), allow_none=True)
    member_count = count(1_000_000, allow_none=True)
    member_types = fields.List(one_of(MEMBER_TYPES, "MemberType"), validate=validate.Length(0, len(MEMBER_TYPES)))

    @post_load
    def _made(self, data: dict[str, Any], **_: Any) -> Profile:
        return Profile(**{**data, "member_types": tuple(data.get("member_types", ()))})


class LabelPart(Schema):
    """A label of cluster excellence; bronze and silver hold for two years at most."""

    level = one_of(LABELS, "LabelLevel", required=True)
    valid_from = fields.Date(required=True)
    valid_until = fields.Date(allow_none=True)

    @post_load
    def _made(self, data: dict[str, Any], **_: Any) -> Label:
        return Label(**data)


class PortalPatch(Schema):
    """Settings that may change. What is absent stays; a part that is given replaces the whole part."""

    brand = fields.Nested(BrandPart)
    languages = fields.List(pattern(LANGUAGE), validate=validate.Length(1, 30))
    default_language = pattern(LANGUAGE)
    imprint = fields.Nested(ImprintPart)
    trusted_provider_ids = fields.List(
        text(64),
        validate=validate.Length(0, 200),
        metadata={"description": "Their courses are published when they are submitted, without a review"},
    )
    approval = one_of(
        APPROVAL,
        "ApprovalRule",
        metadata={"description": "session: the session says whether an application needs approval; always: it does"},
    )
    retention = fields.Nested(RetentionPart)
    allowed_origins = fields.List(
        text(200), validate=validate.Length(0, 50), metadata={"description": "Web pages that may embed the portal"}
    )
    consent_texts = fields.List(
        fields.Nested(ConsentTextPart),
        validate=validate.Length(0, 60),
        metadata={"description": "Published versions stay; add new ones"},
    )
    profile = fields.Nested(ProfilePart)
    label = fields.Nested(LabelPart, allow_none=True)

    @post_load
    def _made(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}


class PortalView(Resource):
    """A cluster's settings. What is no business of the public is null for everybody but the cluster itself."""

    created_at = fields.AwareDateTime(required=True, allow_none=True)
    updated_at = fields.AwareDateTime(required=True, allow_none=True)
    cluster_name = fields.String(required=True, metadata={"description": "Its legal name"})
    country = fields.String(required=True)
    brand = fields.Nested(BrandPart, required=True)
    contrast = fields.Float(required=True, metadata={"description": "White text on the brand's colour, 1 to 21"})
    languages = fields.List(fields.String(), required=True)
    default_language = fields.String(required=True)
    imprint = fields.Nested(ImprintPart, required=True)
    consent_texts = fields.List(fields.Nested(ConsentTextPart), required=True)
    label = fields.Nested(LabelPart, required=True, allow_none=True)
    trusted_provider_ids = fields.List(fields.String(), required=True, allow_none=True)
    approval = one_of(APPROVAL, "ApprovalRule", required=True, allow_none=True)
    retention = fields.Nested(RetentionPart, required=True, allow_none=True)
    allowed_origins = fields.List(fields.String(), required=True, allow_none=True)
    profile = fields.Nested(ProfilePart, required=True, allow_none=True)
    unmet = fields.List(
        fields.String(), required=True, allow_none=True, metadata={"description": "What a label would still need"}
    )
