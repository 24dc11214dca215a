"""Routes of skills and frameworks."""

from dataclasses import asdict
from io import BytesIO
from typing import Any

from services.catalog_service.actions.skills import Asked
from services.catalog_service.adapters.suggesting import Suggestion
from services.catalog_service.api.parts import WRITE, Parts, actor_of
from services.catalog_service.domain.skills import Concept, Framework
from services.catalog_service.schemas.skills import (
    FrameworkQuery,
    FrameworkView,
    SkillQuery,
    SkillView,
    SuggestBody,
    SuggestionsView,
)
from shared.http.door import PUBLIC, Call, Door, Reply

_TABLE = "text/csv"
_WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_LARGEST = 5 * 1024 * 1024


def add(door: Door, parts: Parts) -> None:
    """Declare them."""

    @door.get("/v1/frameworks", scope=PUBLIC, returns=FrameworkView, paged=True)
    def list_frameworks(call: Call) -> Reply:
        """The vocabularies of skills, with version, source and licence."""
        return Reply(call.page([_framework(one) for one in parts.skills().frameworks()]))

    @door.get("/v1/skills", scope=PUBLIC, query=SkillQuery, returns=SkillView, paged=True)
    def list_skills(call: Call) -> Reply:
        """Find skills by label or another name, the beginning of it, or with a typo; without `q`, all by code."""
        language = call.query["language"]
        asked = Asked(
            text=call.query.get("q"),
            framework=call.query.get("framework"),
            language=language,
            at=call.after,
            limit=call.limit,
        )
        found, after = parts.skills().find(asked)
        return Reply(call.page([show_skill(one, language) for one in found], after))

    @door.post("/v1/skills/suggest", scope=WRITE, body=SuggestBody, returns=SuggestionsView, status=200, plain=True)
    def suggest_skills(call: Call) -> Reply:
        """Propose ESCO skills for the text of a course, surest first, each with its reason. You decide."""
        body = call.body
        found = parts.skills().suggest(body["title"], body["description"], body["language"], body["limit"])
        return Reply({"items": [_suggestion(concept, one, body["language"]) for concept, one in found]})

    @door.put(
        "/v1/frameworks/<framework>",
        scope=WRITE,
        query=FrameworkQuery,
        returns=FrameworkView,
        accepts=(_TABLE, _WORKBOOK),
        max_body=_LARGEST,
        plain=True,
        errors=(409,),
    )
    def put_framework(call: Call, framework: str) -> Reply:
        """Take the cluster's own framework from a table (CSV or XLSX), the whole of it.

        Columns: `code`, `label:en` (one for each language), and if wanted `alternatives:en`, `description:en`,
        `broader`, `replaced_by`, `kind`; several in a cell are parted by `|`. What is no longer in it is replaced:
        courses that name it stay valid.
        """
        actor = actor_of(call)
        wanted = Framework(
            **{"source": "", "licence": "", **call.query},
            code=framework,
            languages=(),
            concepts=0,
            cluster_id=actor.cluster_id,
        )
        return Reply(_framework(parts.skills().take_own(actor, wanted, BytesIO(call.raw))))


def show_skill(concept: Concept, language: str) -> dict[str, Any]:
    """A concept with its label in the asked language."""
    return {**asdict(concept), "label": concept.label(language)}


def _suggestion(concept: Concept, one: Suggestion, language: str) -> dict[str, Any]:
    reason = {"words": list(one.words), "meaning": one.meant}
    return {**show_skill(concept, language), "score": one.score, "reason": reason}


def _framework(framework: Framework) -> dict[str, Any]:
    return asdict(framework)
