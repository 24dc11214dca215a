"""The directory's HTTP bodies and answers."""

from marshmallow import Schema, fields, validate

from services.directory_service.domain.grant import PURPOSES as GRANTED
from services.directory_service.domain.organisation import REGION_CATEGORIES, SIZE_CLASSES, TYPES
from services.directory_service.domain.relations import ASKED, DECLINED, GROUP, ORGANISATION, PURPOSES, STARTED
from services.directory_service.schemas.parts import LANGUAGE, Id, count
from shared.http.fields import Resource, one_of, pattern, text, url
from shared.http.ids import Ids, Include


class OrganisationPatch(Schema):
    """Facts of an organisation that may change."""

    legal_name = text(300)
    country = pattern(r"^[A-Z]{2}$", metadata={"description": "ISO 3166-1 alpha-2"})
    registration_id = text(100, allow_none=True, metadata={"description": "Registration or VAT number"})
    nuts2 = pattern(r"^[A-Z]{2}[0-9A-Z]{2}$", allow_none=True)
    region_category = one_of(REGION_CATEGORIES, allow_none=True, metadata={"description": "Map of 2014-2020"})
    sector = pattern(r"^([A-U]|[0-9]{2}(\.[0-9]{1,2})?)$", allow_none=True, metadata={"description": "NACE"})
    headcount = count(allow_none=True, metadata={"description": "Annual work units; of the group when group_linked"})
    turnover_eur = count(allow_none=True, metadata={"description": "EUR a year; of the group when group_linked"})
    balance_sheet_eur = count(allow_none=True, metadata={"description": "EUR; of the group when group_linked"})
    group_linked = fields.Boolean()
    size_class = one_of(
        SIZE_CLASSES,
        attribute="stated_size_class",
        allow_none=True,
        metadata={"description": "As stated; must agree with the figures when there are some"},
    )
    homepage = url(allow_none=True)


class OrganisationBody(OrganisationPatch):
    """A new organisation."""

    id = Id(metadata={"description": "Your choice, for repeatable seeds"})
    cluster_id = text(64, metadata={"description": "The cluster that registers it; the platform's operator names one"})
    type = one_of(TYPES, "OrganisationType", required=True)
    legal_name = text(300, required=True)
    country = pattern(r"^[A-Z]{2}$", required=True, metadata={"description": "ISO 3166-1 alpha-2"})


class OrganisationView(Resource):
    """An organisation. Its registration number and figures are null for whoever is not of it or of its cluster."""

    cluster_id = fields.String(required=True, allow_none=True)
    type = one_of(TYPES, "OrganisationType", required=True)
    legal_name = fields.String(required=True)
    country = fields.String(required=True)
    registration_id = fields.String(required=True, allow_none=True)
    nuts2 = fields.String(required=True, allow_none=True)
    region_category = one_of(REGION_CATEGORIES, required=True, allow_none=True)
    sector = fields.String(required=True, allow_none=True)
    headcount = fields.Integer(required=True, allow_none=True)
    turnover_eur = fields.Integer(required=True, allow_none=True)
    balance_sheet_eur = fields.Integer(required=True, allow_none=True)
    group_linked = fields.Boolean(required=True, allow_none=True)
    size_class = one_of(SIZE_CLASSES, required=True, allow_none=True)
    homepage = fields.String(required=True, allow_none=True)
    status = one_of(("active", "suspended"), "OrganisationStatus", required=True)


class OrganisationQuery(Schema):
    """Which organisations."""

    type = one_of(TYPES, "OrganisationType")
    cluster = text(64, metadata={"description": "Registered by this cluster"})
    country = pattern(r"^[A-Z]{2}$")
    status = one_of(("active", "suspended"), "OrganisationStatus")
    q = fields.String(validate=validate.Length(2, 200), metadata={"description": "A name, or the beginning of one"})
    ids = Ids()


class MembershipBody(Schema):
    """An organisation joins a cluster, or a cluster a partnership."""

    id = Id()
    organisation_id = text(64, required=True)
    group_id = text(64, required=True)
    valid_from = fields.Date(metadata={"description": "Today if absent"})
    valid_until = fields.Date(allow_none=True)


class EndBody(Schema):
    """The last day."""

    valid_until = fields.Date(required=True)


class OptionalEndBody(Schema):
    """The last day."""

    valid_until = fields.Date(metadata={"description": "Today if absent"})


class MembershipView(Resource):
    """A membership. It holds in its period once `status` is started. Names are told with `include=organisations`."""

    organisation_id = fields.String(required=True)
    group_id = fields.String(required=True)
    status = one_of((ASKED, STARTED, DECLINED), "MembershipStatus", required=True)
    asked_by = one_of(
        (GROUP, ORGANISATION),
        "MembershipSide",
        required=True,
        allow_none=True,
        metadata={"description": "Which side asked"},
    )
    valid_from = fields.Date(required=True)
    valid_until = fields.Date(required=True, allow_none=True)
    organisation_name = fields.String()
    group_name = fields.String()


class MembershipQuery(Schema):
    """Which memberships."""

    organisation = text(64)
    group = text(64)
    status = one_of((ASKED, STARTED, DECLINED), "MembershipStatus")
    include = Include(("organisations",))


class GrantBody(Schema):
    """An organisation lends its seal or its name to another one's courses, or to one course."""

    id = Id()
    organisation_id = text(64, required=True, metadata={"description": "Whose seal or name"})
    purpose = one_of(
        GRANTED,
        "GrantPurpose",
        load_default="award",
        metadata={"description": "award: its seal; provide: its name as the provider"},
    )
    grantee_id = text(
        64, metadata={"description": "A provider, or a cluster for all of its courses; else name a course"}
    )
    course_id = text(64, metadata={"description": "One course; else name an organisation"})


class GrantView(Resource):
    """A grant."""

    organisation_id = fields.String(required=True)
    purpose = one_of(GRANTED, "GrantPurpose", required=True)
    grantee_id = fields.String(required=True, allow_none=True)
    course_id = fields.String(required=True, allow_none=True)
    status = one_of(("given", "withdrawn"), "GivenStatus", required=True)
    given_at = fields.AwareDateTime(required=True)
    withdrawn_at = fields.AwareDateTime(required=True, allow_none=True)
    organisation_name = fields.String(metadata={"description": "With include=organisations"})
    grantee_name = fields.String(allow_none=True, metadata={"description": "With include=organisations"})


class GrantQuery(Schema):
    """Which grants."""

    organisation = text(64, metadata={"description": "Whose seal or name"})
    grantee = text(64)
    course = text(64)
    status = one_of(("given", "withdrawn"), "GivenStatus")
    include = Include(("organisations",))


class PersonPatch(Schema):
    """Personal data that may change."""

    given_name = text(200)
    family_name = text(200)
    email = fields.Email(allow_none=True, validate=validate.Length(1, 254))
    language = pattern(LANGUAGE, allow_none=True, metadata={"description": "BCP 47"})


class PersonPut(PersonPatch):
    """A person as the partner's system has them now."""

    id = Id(metadata={"description": "Your choice if the person is new; else ignored"})
    cluster_id = text(64, metadata={"description": "Only the platform's operator needs to name one"})
    given_name = text(200, required=True)
    family_name = text(200, required=True)


class PersonBody(PersonPut):
    """A new person."""

    external_id = text(128, metadata={"description": "The partner's own number; kept as a keyed hash only"})


class PersonReceipt(Resource):
    """What a write answers: no personal data, because answers are kept for repeated requests."""

    cluster_id = fields.String(required=True)
    status = one_of(("registered", "merged", "erased"), "PersonStatus", required=True)
    merged_into = fields.String(required=True, allow_none=True)


class PersonView(PersonReceipt):
    """A person with the personal data."""

    given_name = fields.String(required=True, allow_none=True)
    family_name = fields.String(required=True, allow_none=True)
    email = fields.String(required=True, allow_none=True)
    language = fields.String(required=True, allow_none=True)


class PersonDetail(PersonView):
    """A person with what was asked for by `include`, as far as the caller may see it."""

    employments = fields.List(fields.Nested(lambda: NamedEmployment()))
    consents = fields.List(fields.Nested(lambda: NamedConsent()))


class OnePersonQuery(Schema):
    """What to tell beside a person."""

    include = Include(("employments", "consents"))


class PersonQuery(OnePersonQuery):
    """Which people."""

    ids = Ids()
    cluster = text(64)
    status = one_of(("registered", "merged", "erased"), "PersonStatus")
    organisation = text(64, metadata={"description": "Who works there today"})
    external_id = text(128)
    q = fields.String(validate=validate.Length(2, 200), metadata={"description": "A name, or the beginning of one"})


class MergeBody(Schema):
    """Whose record stays."""

    into_person_id = text(64, required=True)


class NamesBody(Schema):
    """Whose names."""

    person_ids = fields.List(text(64), required=True, validate=validate.Length(0, 500))


class PersonName(Schema):
    """A name, or the answer that there is none."""

    person_id = fields.String(required=True)
    given_name = fields.String(required=True, allow_none=True)
    family_name = fields.String(required=True, allow_none=True)
    erased = fields.Boolean(required=True)
    known = fields.Boolean(required=True)


class NamesView(Schema):
    """Names in the order asked for."""

    items = fields.List(fields.Nested(PersonName), required=True)


class EmploymentBody(Schema):
    """A person works for an organisation."""

    id = Id()
    person_id = text(64, required=True)
    organisation_id = text(64, required=True)
    valid_from = fields.Date(metadata={"description": "Today if absent"})
    valid_until = fields.Date(allow_none=True)


class EmploymentView(Resource):
    """An employment."""

    person_id = fields.String(required=True)
    organisation_id = fields.String(required=True)
    cluster_id = fields.String(required=True)
    valid_from = fields.Date(required=True)
    valid_until = fields.Date(required=True, allow_none=True)


class NamedEmployment(EmploymentView):
    """An employment, with the employer's name."""

    organisation_name = fields.String(required=True)


class PersonAtOrganisationQuery(Schema):
    """Which employments or consents."""

    person = text(64)
    organisation = text(64)


class ConsentBody(Schema):
    """A person lets an organisation see something."""

    id = Id()
    person_id = text(64, required=True)
    organisation_id = text(64, required=True)
    purpose = one_of(PURPOSES, "ConsentPurpose", load_default="share_results")
    how = text(200, metadata={"description": "How the person said so: on paper, in a portal"})
    stated_on = fields.Date(metadata={"description": "The day on which they did"})
    text_version = text(50, metadata={"description": "Which version of the consent text they were shown"})


class ImportBody(Schema):
    """The fields of an import's form beside `file`."""

    mapping = fields.String(
        validate=validate.Length(2, 10_000), metadata={"description": "JSON object: field -> column; else recognised"}
    )
    dry_run = fields.Boolean(load_default=False, metadata={"description": "Report without changing anything"})


class ConsentView(Resource):
    """A consent."""

    person_id = fields.String(required=True)
    organisation_id = fields.String(required=True)
    cluster_id = fields.String(required=True)
    purpose = one_of(PURPOSES, "ConsentPurpose", required=True)
    status = one_of(("given", "withdrawn"), "GivenStatus", required=True)
    given_at = fields.AwareDateTime(required=True)
    withdrawn_at = fields.AwareDateTime(required=True, allow_none=True)
    how = fields.String(required=True, allow_none=True)
    stated_on = fields.Date(required=True, allow_none=True)
    text_version = fields.String(required=True, allow_none=True)


class NamedConsent(ConsentView):
    """A consent, with the name of whom it lets see."""

    organisation_name = fields.String(required=True)


class MeView(Schema):
    """What the platform holds of the caller."""

    subject = fields.String(required=True)
    person_id = fields.String(required=True, allow_none=True)
    cluster_id = fields.String(required=True, allow_none=True)
    organisation_ids = fields.List(fields.String(), required=True)
    roles = fields.List(fields.String(), required=True)
    scopes = fields.List(fields.String(), required=True)
    person = fields.Nested(PersonView, required=True, allow_none=True)
    employments = fields.List(fields.Nested(EmploymentView), required=True)
    consents = fields.List(fields.Nested(ConsentView), required=True)
