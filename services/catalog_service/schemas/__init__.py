"""The catalogue's HTTP bodies and answers. What a value means is checked by the rules; here it gets its type."""

from typing import Any

from marshmallow import Schema, fields, validate

from services.catalog_service.domain import content as words
from services.catalog_service.domain.course import DRAFT, IN_REVIEW
from services.catalog_service.domain.course import STATUSES as COURSE_STATUSES
from services.catalog_service.domain.found import SORTS
from services.catalog_service.domain.session import STATUSES as SESSION_STATUSES
from shared.http.fields import Deadline, Moment, Resource, Since, mapping, one_of, pattern, text, url
from shared.http.ids import Ids

_REFERENCE = r"^[A-Za-z0-9][A-Za-z0-9_:-]{0,63}$"
_MOST = 1_000_000


def _texts(most: int, **options: Any) -> fields.Dict:
    return fields.Dict(
        keys=fields.String(validate=validate.Length(2, 35)),
        values=fields.String(validate=validate.Length(1, most)),
        validate=validate.Length(max=100),
        metadata={"x-model": "Texts"},
        **options,
    )


def _told_texts() -> fields.Dict:
    return mapping("Texts", required=True)


def _reference(**options: Any) -> fields.String:
    return pattern(_REFERENCE, **options)


def _list(inner: fields.Field[Any], most: int = 200, **options: Any) -> "fields.List[Any]":
    return fields.List(inner, validate=validate.Length(max=most), **options)


def _count(most: int = _MOST, **options: Any) -> fields.Integer:
    return fields.Integer(validate=validate.Range(-_MOST, most), **options)


def _amount(**options: Any) -> fields.Float:
    return fields.Float(validate=validate.Range(-_MOST, _MOST), **options)


# -- courses


class OutcomeBody(Schema):
    """What somebody who passed knows, can do, or stands for."""

    title = _texts(1_000, required=True)
    type = one_of(words.OUTCOME_TYPES, "OutcomeType", required=True)
    esco_uri = text(300, allow_none=True)
    esco_title = text(300, allow_none=True)
    digcomp_code = text(10, allow_none=True)
    greencomp_code = text(10, allow_none=True)
    reuse_level = one_of(words.REUSE_LEVELS, allow_none=True)


class AlignmentBody(Schema):
    """What the course is about, in the words of a framework."""

    framework = fields.String(required=True, validate=validate.Length(1, 40))
    code = text(300, required=True, metadata={"description": "ESCO: the URI of the skill"})


class CoursePatch(Schema):
    """Content of a course that may change. Texts are by language (BCP 47)."""

    type = one_of(words.TYPES, "CourseType")
    titles = _texts(300)
    descriptions = _texts(20_000)
    default_language = text(35)
    provider_id = _reference()
    awarding_body_id = _reference(allow_none=True)
    homepage = url(allow_none=True)
    isced_f = text(4, allow_none=True, metadata={"description": "ISCED-F 2013; 9999 if unknown"})
    outcomes = _list(fields.Nested(OutcomeBody))
    alignments = _list(fields.Nested(AlignmentBody), 100)
    skill_category = one_of(
        words.SKILL_CATEGORIES,
        "SkillCategory",
        attribute="stated_skill_category",
        allow_none=True,
        metadata={"description": "Derived from the outcomes' frameworks if absent"},
    )
    pillar = one_of(words.PILLARS, allow_none=True)
    job_roles = _list(text(200))
    workload_hours = _amount(allow_none=True)
    ects = _amount(allow_none=True)
    eqf_level = _count(allow_none=True)
    mode = one_of(words.MODES, allow_none=True)
    assessment_type = one_of(words.ASSESSMENTS, allow_none=True)
    quality_assurance_type = one_of(words.QUALITY_ASSURANCES, allow_none=True)
    prerequisites = _list(_reference(), metadata={"description": "Ids of courses"})
    audience = _list(one_of(words.AUDIENCES))
    certificate_validity_months = _count(allow_none=True)


class CoursePut(CoursePatch):
    """A course as the provider's system has it now."""

    titles = _texts(300, required=True)
    default_language = text(35, required=True)
    provider_id = _reference(required=True)


class CourseBody(CoursePut):
    """A new course."""

    external_id = text(200, metadata={"description": "The provider's own id, unique per provider"})


class ContentView(Schema):
    """The content of a version."""

    type = one_of(words.TYPES, "CourseType", required=True)
    titles = _told_texts()
    descriptions = _told_texts()
    default_language = fields.String(required=True)
    provider_id = fields.String(required=True)
    awarding_body_id = fields.String(required=True, allow_none=True)
    homepage = fields.String(required=True, allow_none=True)
    isced_f = fields.String(required=True)
    outcomes = fields.List(fields.Nested(OutcomeBody), required=True)
    alignments = fields.List(fields.Nested(AlignmentBody), required=True)
    skill_category = one_of(words.SKILL_CATEGORIES, "SkillCategory", required=True)
    pillar = one_of(words.PILLARS, required=True, allow_none=True)
    job_roles = fields.List(fields.String(), required=True)
    workload_hours = fields.Float(required=True, allow_none=True)
    ects = fields.Float(required=True, allow_none=True)
    eqf_level = fields.Integer(required=True, allow_none=True)
    mode = one_of(words.MODES, required=True, allow_none=True)
    assessment_type = one_of(words.ASSESSMENTS, required=True, allow_none=True)
    quality_assurance_type = one_of(words.QUALITY_ASSURANCES, required=True, allow_none=True)
    prerequisites = fields.List(fields.String(), required=True)
    audience = fields.List(one_of(words.AUDIENCES), required=True)
    certificate_validity_months = fields.Integer(required=True, allow_none=True)


class DraftView(ContentView):
    """What is being written: the first version or a revision."""

    status = one_of((DRAFT, IN_REVIEW), "DraftStatus", required=True)
    reasons = fields.List(fields.String(), required=True, metadata={"description": "Why the reviewer returned it"})


class CourseView(Resource, ContentView):
    """A course as published, or as a draft when it never was. `draft` is for the own cluster only."""

    cluster_id = fields.String(required=True)
    external_id = fields.String(required=True, allow_none=True)
    status = one_of(COURSE_STATUSES, "CourseStatus", required=True)
    course_version = fields.Integer(required=True, metadata={"description": "Published version; 0: none yet"})
    published_at = fields.AwareDateTime(required=True, allow_none=True)
    draft = fields.Nested(DraftView, required=True, allow_none=True)


class CourseVersionView(Resource, ContentView):
    """A published version of a course."""

    course_id = fields.String(required=True)
    course_version = fields.Integer(required=True)
    published_at = fields.AwareDateTime(required=True)


class CourseQuery(Schema):
    """Which courses; published ones unless `mine`."""

    ids = Ids()
    q = text(200, metadata={"description": "Words in any language: inflected, in part, with a typo, by another name"})
    skill = text(300, metadata={"description": "ESCO URI or title, DigComp or GreenComp code"})
    framework = fields.String(validate=validate.Regexp(r"^[a-z][a-z0-9-]{1,39}$"))
    category = one_of(
        words.SKILL_CATEGORIES, "SkillCategory", metadata={"description": "digital and green include both"}
    )
    pillar = one_of(words.PILLARS)
    language = text(35)
    mode = one_of(words.MODES)
    eqf = fields.Integer(validate=validate.Range(1, 8))
    provider = _reference()
    cluster = _reference()
    country = fields.String(
        validate=validate.Regexp(r"^[A-Z]{2}$"), metadata={"description": "Of the provider, ISO 3166 alpha-2"}
    )
    starts_from = Since(data_key="from", metadata={"description": "A session that is open starts then or later"})
    starts_before = Since(data_key="to", metadata={"description": "and before then"})
    max_price = fields.Float(
        validate=validate.Range(0, _MOST), metadata={"description": "and costs so much in EUR at most, as stated"}
    )
    free_seats = _count(metadata={"description": "and has so many free seats at least"})
    sort = one_of(SORTS, "CourseOrder", metadata={"description": "relevance with q, newest without"})
    facets = fields.Boolean(
        load_default=False, metadata={"description": "Tell how many there are of each value, given the other filters"}
    )
    mine = fields.Boolean(
        load_default=False, metadata={"description": "Of the own cluster, drafts too, by id; no other filter"}
    )


class FacetView(Schema):
    """How many courses have a value."""

    value = fields.String(required=True, metadata={"example": "green"})
    count = fields.Integer(required=True, metadata={"description": "How many courses"})
    labels = mapping("Texts", metadata={"description": "Of a skill, in each language"})


class FoundView(Schema):
    """What the list of courses tells beside its items."""

    total = fields.Integer(metadata={"description": "How many suit the search; absent with `mine` and `ids`"})
    did_you_mean = fields.String(allow_none=True)
    facets = mapping(
        "Facets", fields.List(fields.Nested(FacetView)), metadata={"description": "With `facets`: value and count"}
    )


class ReturnBody(Schema):
    """Why a course goes back to its authors."""

    reasons = fields.List(text(2_000), required=True, validate=validate.Length(1, 50))


# -- sessions


class SessionPatch(Schema):
    """Terms of a session that may change."""

    starts_at = Moment(allow_none=True)
    ends_at = Moment(allow_none=True)
    timezone = text(64, metadata={"description": "IANA, such as Europe/Berlin"})
    application_deadline = Deadline(allow_none=True)
    approve_by = Deadline(allow_none=True, metadata={"description": "None: the application deadline"})
    language = text(35)
    mode = one_of(words.MODES)
    place = text(500, allow_none=True)
    url = url(allow_none=True)
    trainer_ids = _list(_reference())
    min_capacity = _count()
    capacity = _count()
    waitlist_limit = _count()
    price = fields.String(
        validate=validate.Regexp(r"^[0-9]{1,9}(\.[0-9]{1,2})?( [A-Z]{3})?$"),
        allow_none=True,
        metadata={"description": "Such as 250.00 EUR; EUR if no currency is named"},
    )
    minimum_attendance = _count(metadata={"description": "Percent"})
    approval_needed = fields.Boolean()
    eligible_clusters = _list(_reference(), metadata={"description": "None: all"})
    quotas = fields.Dict(
        keys=fields.String(validate=validate.Regexp(_REFERENCE)),
        values=_count(),
        validate=validate.Length(max=200),
        metadata={"description": "Seats reserved per cluster", "x-model": "Quotas"},
    )


class SessionBody(SessionPatch):
    """A new session of a course. Language and mode are the course's if absent."""

    timezone = text(64, required=True, metadata={"description": "IANA, such as Europe/Berlin"})
    capacity = _count(required=True)


class CancelBody(Schema):
    """Why it will not take place."""

    reason = text(2_000, load_default=None, allow_none=True)


class RescheduleBody(Schema):
    """New dates. With `reconfirm_until`, participants must confirm again by then; without, they stay."""

    starts_at = Moment(required=True)
    ends_at = Moment(required=True)
    application_deadline = Deadline(allow_none=True)
    approve_by = Deadline(allow_none=True, metadata={"description": "None: the application deadline"})
    timezone = text(64)
    reconfirm_until = Deadline(allow_none=True)


class SessionView(Resource):
    """A session. Times are UTC; `timezone` is its own. What is free: `links.seats`."""

    course_id = fields.String(required=True)
    course_version = fields.Integer(required=True)
    cluster_id = fields.String(required=True)
    provider_id = fields.String(required=True)
    status = one_of(SESSION_STATUSES, "SessionStatus", required=True)
    reason = fields.String(required=True, allow_none=True)
    reconfirm_until = fields.AwareDateTime(required=True, allow_none=True)
    starts_at = fields.AwareDateTime(required=True, allow_none=True)
    ends_at = fields.AwareDateTime(required=True, allow_none=True)
    timezone = fields.String(required=True)
    application_deadline = fields.AwareDateTime(required=True, allow_none=True)
    approve_by = fields.AwareDateTime(required=True, allow_none=True)
    language = fields.String(required=True)
    mode = one_of(words.MODES, required=True)
    place = fields.String(required=True, allow_none=True)
    url = fields.String(required=True, allow_none=True)
    trainer_ids = fields.List(fields.String(), required=True)
    min_capacity = fields.Integer(required=True)
    capacity = fields.Integer(required=True, metadata={"description": "As planned; once open, see the seats"})
    waitlist_limit = fields.Integer(required=True)
    price = fields.String(required=True, allow_none=True)
    minimum_attendance = fields.Integer(required=True)
    approval_needed = fields.Boolean(required=True)
    eligible_clusters = fields.List(fields.String(), required=True)
    quotas = mapping("Quotas", fields.Integer(), required=True)


class SessionQuery(Schema):
    """Which sessions, by start."""

    ids = Ids()
    course = _reference()
    cluster = _reference()
    provider = _reference()
    status = one_of(SESSION_STATUSES, "SessionStatus")
    language = text(35)
    mode = one_of(words.MODES)
    starts_from = Since(data_key="from", metadata={"description": "Starts then or later"})
    starts_before = Since(data_key="to", metadata={"description": "Starts before then"})
