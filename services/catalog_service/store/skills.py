"""Frameworks and concepts: what was imported, in the database, before what is shipped, in tables.

`frameworks {_id: code, ...}`; `concepts {_id: "framework code", ..., import}`. A framework's document is written last:
processes read its concepts anew when it changes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

import msgspec
from pymongo import ASCENDING, IndexModel, ReplaceOne, UpdateOne

from services.catalog_service.adapters import shipped
from services.catalog_service.domain.skills import ESCO, RELEASED, REPLACED, Concept, Framework, concept_id
from shared.errors import NotFound
from shared.storage.mongo import Document, MongoDatabase

FRAMEWORKS: Final = "frameworks"
CONCEPTS: Final = "concepts"
VECTORS: Final = "concept_vectors"
INDEXES: Final = {
    FRAMEWORKS: [],
    VECTORS: [IndexModel([("import", ASCENDING), ("_id", ASCENDING)], name="import")],
    CONCEPTS: [IndexModel([("framework", ASCENDING), ("status", ASCENDING), ("code", ASCENDING)], name="framework")],
}
_AT_ONCE: Final = 1_000


class Skills:
    """Reads and replaces vocabularies. They are no business of a unit of work: no request changes one concept."""

    def __init__(self, database: MongoDatabase) -> None:
        self._frameworks, self._concepts = database[FRAMEWORKS], database[CONCEPTS]
        self._courses, self._vectors = database["courses"], database[VECTORS]

    # -- reading

    def frameworks(self) -> dict[str, Framework]:
        """All there are, by code."""
        imported = {row["_id"]: _framework(row) for row in self._frameworks.find()}
        return {**shipped.frameworks(), **imported}

    def versions(self) -> dict[str, str]:
        """Of each framework which import is there; those that are only shipped have none."""
        rows = self._frameworks.find({}, {"import": 1, "vectors": 1})
        return {row["_id"]: f"{row['import']} {row.get('vectors', 0)}" for row in rows}

    def known(self, pairs: Iterable[tuple[str, str]]) -> dict[str, Concept]:
        """Those of these (framework, code) that exist, by id; replaced ones too."""
        wanted = list(dict.fromkeys(pairs))
        rows = self._concepts.find({"_id": {"$in": [concept_id(*pair) for pair in wanted]}}) if wanted else ()
        return {**shipped.known(wanted), **{row["_id"]: _concept(row) for row in rows}}

    def get(self, framework: str, code: str) -> Concept:
        """One of them. Raises NotFound."""
        for found in self.known([(framework, code)]).values():
            return found
        raise NotFound(f"No skill {code} of {framework}.")

    def named(self, ids: Sequence[str]) -> list[Concept]:
        """Those of the ids that exist, in their order."""
        found = self.known((framework, code) for framework, _, code in (name.partition(" ") for name in ids))
        return [found[name] for name in ids if name in found]

    def released(self, framework: str) -> Iterator[Concept]:
        """All concepts of a framework that are offered, by code."""
        if self._frameworks.count_documents({"_id": framework}, limit=1):
            query = {"framework": framework, "status": RELEASED}
            yield from map(_concept, self._concepts.find(query, sort=[("code", ASCENDING)]))
        else:
            yield from sorted(shipped.concepts(framework).values(), key=lambda one: one.code)

    def page(self, framework: str, after: str | None, limit: int) -> list[Concept]:
        """Concepts of a framework by code, after a code."""
        if not self._frameworks.count_documents({"_id": framework}, limit=1):
            rest = [one for one in self.released(framework) if after is None or one.code > after]
            return rest[:limit]
        query: Document = {"framework": framework, "status": RELEASED}
        if after is not None:
            query["code"] = {"$gt": after}
        return [_concept(row) for row in self._concepts.find(query, sort=[("code", ASCENDING)], limit=limit)]

    def vectors(self) -> tuple[list[str], bytes]:
        """Ids of ESCO's concepts and what their labels mean (`meaning.packed`), of the version that is there; nothing
        while an import's are not made yet."""
        there = self._frameworks.find_one({"_id": ESCO}, {"import": 1})
        if there is None:
            return shipped.vectors()
        rows = list(self._vectors.find({"import": there["import"]}, sort=[("_id", ASCENDING)]))
        return [name for row in rows for name in row["ids"]], b"".join(row["vectors"] for row in rows)

    # -- replacing

    def keep_vectors(self, ids: Sequence[str], vectors: bytes, import_id: str) -> None:
        """What the labels of an import mean, in their order; those of earlier imports go."""
        size = len(vectors) // max(1, len(ids))
        for number, start in enumerate(range(0, len(ids), _AT_ONCE)):
            some = list(ids[start : start + _AT_ONCE])
            part = vectors[start * size : (start + len(some)) * size]
            row = {"_id": f"{import_id} {number:04}", "import": import_id, "ids": some, "vectors": part}
            self._vectors.replace_one({"_id": row["_id"]}, row, upsert=True)
        self._vectors.delete_many({"import": {"$ne": import_id}})
        self._frameworks.update_one({"_id": ESCO}, {"$set": {"vectors": len(ids)}})

    def replace(self, framework: Framework, concepts: Sequence[Concept], import_id: str) -> dict[str, int]:
        """Take this version of a framework. What it no longer has is kept as replaced: old courses stay valid.

        Returns how many are `released`, are `replaced`, and how many published `courses` name a replaced one. A
        repetition after an interruption completes it.
        """
        for start in range(0, len(concepts), _AT_ONCE):
            self._concepts.bulk_write(
                [
                    ReplaceOne({"_id": one.id}, _row(one, import_id), upsert=True)
                    for one in concepts[start : start + _AT_ONCE]
                ],
                ordered=False,
            )
        self._keep_what_was_shipped(framework.code, import_id)
        gone = {"framework": framework.code, "import": {"$ne": import_id}}
        self._concepts.update_many(gone, {"$set": {"status": REPLACED}})
        released = self._concepts.count_documents({"framework": framework.code, "status": RELEASED})
        row = msgspec.to_builtins(replace(framework, concepts=released))
        self._frameworks.replace_one({"_id": row.pop("code")}, {**row, "import": import_id}, upsert=True)
        replaced = [
            row["code"]
            for row in self._concepts.find({"framework": framework.code, "status": REPLACED}, {"code": 1, "_id": 0})
        ]
        return {"released": released, "replaced": len(replaced), "courses": self._using(framework.code, replaced)}

    def _keep_what_was_shipped(self, framework: str, import_id: str) -> None:
        rows = [_row(replace(concept, status=REPLACED), import_id) for concept in shipped.concepts(framework).values()]
        keep = [UpdateOne({"_id": row["_id"]}, {"$setOnInsert": row}, upsert=True) for row in rows]
        if keep:
            self._concepts.bulk_write(keep, ordered=False)

    def _using(self, framework: str, codes: list[str]) -> int:
        if not codes:
            return 0
        field = {"esco": "esco_uri", "digcomp": "digcomp_code", "greencomp": "greencomp_code"}.get(framework)
        among = {"$in": codes}
        either: list[Document] = [{"content.alignments": {"$elemMatch": {"framework": framework, "code": among}}}]
        if field is not None:
            either.append({f"content.outcomes.{field}": among})
        return self._courses.count_documents({"$or": either})


def _row(concept: Concept, import_id: str) -> Document:
    row: Document = msgspec.to_builtins(concept)
    return {"_id": concept.id, **row, "import": import_id}


def _concept(row: Mapping[str, object]) -> Concept:
    return msgspec.convert(row, Concept)


def _framework(row: Mapping[str, object]) -> Framework:
    return msgspec.convert({**row, "code": row["_id"]}, Framework)
