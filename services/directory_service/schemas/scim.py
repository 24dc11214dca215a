"""SCIM 2.0 (RFC 7643, RFC 7644): the user that HR systems send and get, and what this service can."""

from typing import Annotated, Any, Final

from marshmallow import INCLUDE, Schema, fields, validate
from pydantic import EmailStr
from scim2_models import (
    AuthenticationScheme,
    Bulk,
    ChangePassword,
    ComplexAttribute,
    ETag,
    External,
    Filter,
    Patch,
    Reference,
    Required,
    Resource,
    ResourceType,
    ServiceProviderConfig,
    Sort,
    Uniqueness,
)
from scim2_models import Schema as ScimSchema
from scim2_models.urn import URN

from shared.http.fields import text

MEDIA_TYPE: Final = "application/scim+json"
MOST: Final = 200


class Name(ComplexAttribute):
    """The person's name."""

    given_name: Annotated[str | None, Required.true] = None
    family_name: Annotated[str | None, Required.true] = None


class Email(ComplexAttribute):
    """A mail address; the first one is kept."""

    value: EmailStr | None = None


class User(Resource[Any]):
    """Somebody who works for the employer, or did."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:User")

    user_name: Annotated[str | None, Uniqueness.server, Required.true] = None
    name: Annotated[Name | None, Required.true] = None
    emails: list[Email] | None = None
    active: Annotated[bool | None, Required.true] = None


SCHEMAS: Final[list[ScimSchema]] = [User.to_schema()]
RESOURCE_TYPES: Final[list[ResourceType]] = [ResourceType.from_resource(User)]


def service_provider(base: str) -> ServiceProviderConfig:
    """What this service can."""
    scheme = AuthenticationScheme(
        type=AuthenticationScheme.Type.oauthbearertoken,
        name="OAuth Bearer Token",
        description="An access token of the realm, got with the key of an HR system",
        primary=True,
    )
    return ServiceProviderConfig(
        documentation_uri=Reference[External](f"{base}/docs"),
        patch=Patch(supported=True),
        bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
        filter=Filter(supported=True, max_results=MOST),
        change_password=ChangePassword(supported=False),
        sort=Sort(supported=False),
        etag=ETag(supported=False),
        authentication_schemes=[scheme],
    )


class ScimBody(Schema):
    """A SCIM message or resource, as RFC 7644 has it."""

    class Meta:
        unknown = INCLUDE


class ScimShape(Schema):
    """Which attributes of a resource are wanted."""

    attributes = text(1_000, metadata={"description": "Only these attributes, separated by commas"})
    excluded_attributes = text(
        1_000, data_key="excludedAttributes", metadata={"description": "Not these attributes, separated by commas"}
    )


class ScimQuery(ScimShape):
    """Which users."""

    filter = text(500, metadata={"description": "userName or externalId, eq, a text in quotes"})
    start_index = fields.Integer(
        data_key="startIndex", load_default=1, metadata={"description": "The first of them, counted from 1"}
    )
    count = fields.Integer(
        load_default=100, validate=validate.Range(-MOST), metadata={"description": f"How many, {MOST} at most"}
    )
