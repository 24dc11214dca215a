"""Bodies and answers of skills and their frameworks."""

from typing import Any

from marshmallow import Schema, fields, validate

from services.catalog_service.domain.content import REUSE_LEVELS
from shared.http.fields import mapping, one_of, pattern, text

_FRAMEWORK = r"^[a-z][a-z0-9-]{1,39}$"


def _framework(**options: Any) -> fields.String:
    return pattern(_FRAMEWORK, **options)


def _by_language() -> fields.Dict:
    return mapping("Texts", required=True)


class FrameworkView(Schema):
    """A vocabulary of skills."""

    code = fields.String(required=True)
    name = fields.String(required=True)
    version = fields.String(required=True, metadata={"description": "As its publisher calls it", "example": "v1.2.0"})
    source = fields.String(required=True)
    licence = fields.String(required=True)
    languages = fields.List(fields.String(), required=True)
    concepts = fields.Integer(required=True, metadata={"description": "How many are offered"})
    complete = fields.Boolean(required=True, metadata={"description": "False: only a part of it is here"})
    cluster_id = fields.String(required=True, allow_none=True, metadata={"description": "Whose own it is"})


class FrameworkQuery(Schema):
    """What is said of a cluster's own framework beside its table."""

    name = text(200, required=True)
    version = text(40, required=True)
    source = text(500)
    licence = text(500)


class SkillView(Schema):
    """A concept of a framework. `label` is in the asked language, where there is one."""

    framework = fields.String(required=True)
    code = fields.String(required=True, metadata={"description": "ESCO: the URI"})
    label = fields.String(required=True)
    kind = fields.String(required=True, metadata={"description": "skill, knowledge, competence, area or the like"})
    status = one_of(("released", "replaced"), "SkillStatus", required=True)
    labels = _by_language()
    alternatives = mapping("Lists", fields.List(fields.String()), required=True)
    descriptions = _by_language()
    broader = fields.List(fields.String(), required=True)
    narrower = fields.List(fields.String(), required=True)
    replaced_by = fields.List(fields.String(), required=True)
    collections = fields.List(fields.String(), required=True, metadata={"description": "ESCO: digital, green, ..."})
    reuse_level = one_of(REUSE_LEVELS, required=True, allow_none=True)


class SkillQuery(Schema):
    """Which skills."""

    q = text(200, metadata={"description": "Words of a label or another name, or their beginnings; one typo each"})
    framework = _framework(metadata={"description": "Without it: with q all, else esco"})
    language = text(35, load_default="en", metadata={"description": "Of the words, and of `label`"})


class SuggestBody(Schema):
    """The text of a course."""

    title = text(300, required=True)
    description = fields.String(load_default="", validate=validate.Length(max=20_000))
    language = text(35, required=True)
    limit = fields.Integer(load_default=10, validate=validate.Range(1, 50))


class SuggestionReasonView(Schema):
    """Why a skill is proposed: words of the text that name it, or that the text means something near it."""

    words = fields.List(fields.String(), required=True)
    meaning = fields.Boolean(required=True)


class SuggestionView(SkillView):
    """A skill that is proposed, with how sure that is, from 0 to 1."""

    score = fields.Float(required=True)
    reason = fields.Nested(SuggestionReasonView, required=True)


class SuggestionsView(Schema):
    """Surest first."""

    items = fields.List(fields.Nested(SuggestionView), required=True)
