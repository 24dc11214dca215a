"""The directory's documents: the only file that knows fields and indexes."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import groupby, islice
from typing import Any, TypeVar

import msgspec
from pymongo import ASCENDING, IndexModel

from services.directory_service.domain.access import Actor
from services.directory_service.domain.grant import GIVEN, Grant
from services.directory_service.domain.kept import Kept
from services.directory_service.domain.organisation import Organisation
from services.directory_service.domain.person import Person
from services.directory_service.domain.portal import Portal
from services.directory_service.domain.relations import Consent, Employment, Membership
from shared.criteria import asked_for
from shared.errors import Conflict, NotFound
from shared.files.files import COLLECTION as FILES
from shared.files.files import INDEXES as FILE_INDEXES
from shared.jobs.store import INDEXES as JOB_INDEXES
from shared.schemas.event import Event
from shared.storage.mongo import Document
from shared.storage.work import Absent, UnitOfWork
from shared.wiring.house import Service

K = TypeVar("K", bound=Kept)

_COLLECTIONS: Mapping[type[Kept], str] = {
    Organisation: "organisations",
    Membership: "memberships",
    Grant: "awarding_grants",
    Person: "people",
    Employment: "employments",
    Consent: "consents",
    Portal: "portals",
}
_MAPPINGS = "import_mappings"
_OPEN = {"valid_until": {"$type": "null"}}


def _index(*fields: str, name: str, unique: bool = False, only: Document | None = None) -> IndexModel:
    partial = {"partialFilterExpression": only} if only else {}
    return IndexModel([(field, ASCENDING) for field in fields], name=name, unique=unique, **partial)


SERVICE = Service(
    name="directory",
    indexes={
        "organisations": [_index("cluster_id", "_id", name="cluster"), _index("type", "_id", name="type")],
        "memberships": [
            _index("group_id", "_id", name="group"),
            _index("organisation_id", "group_id", name="organisation"),
            _index("home_id", "_id", name="home"),
            _index("organisation_id", "group_id", name="open_membership", unique=True, only=_OPEN),
        ],
        "awarding_grants": [
            _index("home_id", "_id", name="home"),
            _index("grantee_home_id", "_id", name="grantee_home"),
            _index("organisation_id", "_id", name="organisation"),
            _index("grantee_id", "_id", name="grantee"),
            _index(
                *("organisation_id", "purpose", "grantee_id", "course_id"),
                name="given_grant",
                unique=True,
                only={"status": GIVEN},
            ),
        ],
        "people": [
            _index("cluster_id", "_id", name="cluster"),
            _index("merged_into", name="merged", only={"merged_into": {"$type": "string"}}),
            # A second request of the same number is decided again and finds the first one's person.
            _index(
                "cluster_id",
                "external_ref",
                name="external_ref",
                unique=True,
                only={"external_ref": {"$type": "string"}},
            ),
        ],
        "employments": [
            _index("person_id", "organisation_id", name="person"),
            _index("organisation_id", "person_id", name="organisation"),
            _index("cluster_id", "_id", name="cluster"),
            _index("person_id", "organisation_id", name="open_employment", unique=True, only=_OPEN),
        ],
        _MAPPINGS: [],
        "portals": [],
        **JOB_INDEXES,
        FILES: FILE_INDEXES,
        "consents": [
            _index("person_id", "organisation_id", name="person"),
            _index("organisation_id", "_id", name="organisation"),
            _index("cluster_id", "_id", name="cluster"),
            _index(
                "person_id", "organisation_id", "purpose", name="given_consent", unique=True, only={"status": "given"}
            ),
        ],
    },
    duplicates={
        "open_membership": lambda: Conflict("It is a member of this group already.", code="DUPLICATE_MEMBERSHIP"),
        "given_grant": lambda: Conflict("This grant holds already.", code="DUPLICATE_GRANT"),
        "open_employment": lambda: Conflict("This person works there already.", code="DUPLICATE_EMPLOYMENT"),
        "given_consent": lambda: Conflict("This consent holds already.", code="DUPLICATE_CONSENT"),
    },
)


class Store:
    """The directory as one unit of work sees it."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work

    # -- any kind

    def get(self, kind: type[K], thing_id: str) -> K:
        """The thing with this id. Raises NotFound."""
        try:
            return _thing(kind, self._work.get(_COLLECTIONS[kind], thing_id))
        except Absent as error:
            raise not_found(kind, thing_id) from error

    def find(self, kind: type[K], thing_id: str) -> K | None:
        """As `get`, but None when there is none."""
        return self.known(kind, [thing_id]).get(thing_id)

    def known(self, kind: type[K], ids: Iterable[str]) -> dict[str, K]:
        """Those of the ids that are there, by one query."""
        wanted = list(ids)
        self._work.preload(_COLLECTIONS[kind], wanted)
        found = {thing_id: self._work.peek(_COLLECTIONS[kind], thing_id) for thing_id in wanted}
        return {thing_id: _thing(kind, row) for thing_id, row in found.items() if row is not None}

    def require_new(self, kind: type[Kept], thing_id: str) -> None:
        """Raise Conflict when the id is taken."""
        if self._work.peek(_COLLECTIONS[kind], thing_id) is not None:
            raise Conflict(f"There is a {kind.__name__.lower()} with this id already.", code="ALREADY_EXISTS")

    def save(self, thing: K, events: Iterable[Event] = ()) -> K:
        """Keep it with what happened; returns it as stored."""
        document = msgspec.to_builtins(thing, builtin_types=(datetime,))
        for field in ("version", "created_at", "updated_at"):
            del document[field]
        return _thing(
            type(thing), self._work.save(_COLLECTIONS[type(thing)], {"_id": document.pop("id"), **document}, events)
        )

    def page(self, kind: type[K], criteria: Any, actor: Actor, after: str | None, limit: int) -> list[K]:
        """Things that match the criteria and that the actor reaches, by id, after the given one."""
        asked = {_FIELDS.get(name, name): value for name, value in asked_for(criteria).items()}
        behind = {} if after is None else {"_id": {"$gt": after}}
        query = {"$and": [asked, _reached(kind, actor), behind]}
        return self._find(kind, query, sort=[("_id", ASCENDING)], limit=limit)

    # -- people

    def known_people(self, ids: Iterable[str]) -> dict[str, Person]:
        """Those of the ids that are known."""
        return self.known(Person, ids)

    def people_with_ref(self, cluster_id: str, external_ref: str) -> list[Person]:
        """Nobody, or the one whom the partner's number names."""
        return self._find(Person, {"cluster_id": cluster_id, "external_ref": external_ref})

    def people_with_refs(self, cluster_id: str, refs: Iterable[str]) -> dict[str, Person]:
        """By reference, whom the partner's numbers name; for a merged record the one who answers for it."""
        wanted = {"cluster_id": cluster_id, "external_ref": {"$in": sorted(set(refs))}}
        found = {str(one.external_ref): one for one in self._find(Person, wanted)}
        winners = self.known_people(one.merged_into for one in found.values() if one.merged_into)
        return {ref: winners.get(one.merged_into or "", one) for ref, one in found.items()}

    def merged_into(self, person_id: str) -> list[Person]:
        """Those whose id leads to this person."""
        return self._find(Person, {"merged_into": person_id})

    def employees_page(
        self, organisation_ids: Iterable[str], cluster_id: str | None, day: date, after: str | None, limit: int
    ) -> list[Person]:
        """Who works for any of these organisations on that day, by id; of one cluster unless it is None."""
        match: Document = {"organisation_id": {"$in": sorted(organisation_ids)}, **_holds(day)}
        if cluster_id is not None:
            match["cluster_id"] = cluster_id
        if after is not None:
            match["person_id"] = {"$gt": after}
        # The index gives them in this order, and no more is read than fills the page.
        rows = self._work.collection("employments").find(
            match, {"person_id": 1}, sort=[("person_id", ASCENDING)], batch_size=limit + 1
        )
        ids = [person_id for person_id, _ in islice(groupby(row["person_id"] for row in rows), limit)]
        return list(self.known_people(ids).values())

    # -- relations

    def memberships_of(self, organisation_id: str, group_id: str) -> list[Membership]:
        """All memberships of one organisation in one group, past ones too."""
        return self._find(Membership, {"organisation_id": organisation_id, "group_id": group_id})

    def grants_like(self, grant: Grant) -> list[Grant]:
        """The owner's grants that hold, to the same organisation or course."""
        same = {"organisation_id": grant.organisation_id, "grantee_id": grant.grantee_id, "course_id": grant.course_id}
        return self._find(Grant, {**same, "status": GIVEN})

    def employments_of(self, person_id: str, organisation_id: str | None = None) -> list[Employment]:
        """All employments of a person, past ones too."""
        query = {"person_id": person_id}
        return self._find(
            Employment, query if organisation_id is None else {**query, "organisation_id": organisation_id}
        )

    def employers_of(self, person_id: str, day: date) -> set[str]:
        """For whom the person works on that day."""
        return {found.organisation_id for found in self.employments_of(person_id) if found.holds(day)}

    def consents_of(self, person_id: str, **more: str) -> list[Consent]:
        """All consents of a person, withdrawn ones too."""
        return self._find(Consent, {"person_id": person_id, **more})

    def employments_of_all(self, person_ids: Iterable[str]) -> list[Employment]:
        """All employments of these people, past ones too, by one query."""
        return self._find(Employment, {"person_id": {"$in": sorted(set(person_ids))}})

    def consents_of_all(self, person_ids: Iterable[str]) -> list[Consent]:
        """All consents of these people, withdrawn ones too, by one query."""
        return self._find(Consent, {"person_id": {"$in": sorted(set(person_ids))}})

    # -- what imports need

    def organisations_of(self, cluster_id: str, most: int) -> list[Organisation]:
        """The organisations that a cluster registered."""
        return self._find(Organisation, {"cluster_id": cluster_id}, limit=most)

    def kept_mapping(self, cluster_id: str, kind: str) -> dict[str, str]:
        """Which column was which field the last time."""
        kept = self._work.peek(_MAPPINGS, f"{kind}/{cluster_id}")
        return dict(kept["columns"]) if kept else {}

    def keep_mapping(self, cluster_id: str, kind: str, columns: Mapping[str, str]) -> None:
        """Remember it for the next file."""
        kept = self._work.peek(_MAPPINGS, f"{kind}/{cluster_id}")
        if kept is None or kept["columns"] != dict(columns):
            self._work.save(_MAPPINGS, {**(kept or {}), "_id": f"{kind}/{cluster_id}", "columns": dict(columns)})

    def _find(self, kind: type[K], query: Document, **options: Any) -> list[K]:
        return [_thing(kind, row) for row in self._work.find(_COLLECTIONS[kind], query, **options)]


def not_found(kind: type[Kept], thing_id: str) -> NotFound:
    """The same words whether it does not exist or is not for this caller."""
    return NotFound(f"No {kind.__name__.lower()} {thing_id}.")


def _thing(kind: type[K], row: Document) -> K:
    return msgspec.convert({**row, "id": row["_id"]}, kind)


_FIELDS = {
    "cluster": "cluster_id",
    "organisation": "organisation_id",
    "group": "group_id",
    "grantee": "grantee_id",
    "course": "course_id",
    "person": "person_id",
}


def _reached(kind: type[Kept], actor: Actor) -> Document:
    """Whom `access` lets see things of this kind, as a query. People are asked for by those who reach their cluster."""
    if actor.reach == "platform" or kind in {Organisation, Person}:
        return {}
    if kind is Grant:
        return _any_of(("organisation_id", "grantee_id"), ("home_id", "grantee_home_id"), actor)
    if kind is Membership:
        own = {*actor.organisation_ids, actor.cluster_id} - {None} if actor.reach != "self" else set()
        return {"$or": [{name: {"$in": sorted(own)}} for name in ("group_id", "organisation_id", "home_id")]}
    if actor.reach == "self":
        return {"person_id": actor.person_id}
    home = {"cluster_id": actor.cluster_id}
    if actor.reach == "cluster":
        return home
    employer = {"organisation_id": {"$in": sorted(actor.organisation_ids)}}
    return employer if kind is Consent else {**home, **employer}


def _any_of(organisations: Sequence[str], homes: Sequence[str], actor: Actor) -> Document:
    """One of these fields names an organisation of the actor's, or for a cluster's staff their cluster."""
    if actor.reach == "cluster":
        return {"$or": [{name: actor.cluster_id} for name in homes]}
    own = sorted(actor.organisation_ids) if actor.reach == "employer" else []
    return {"$or": [{name: {"$in": own}} for name in organisations]}


def _holds(day: date) -> Document:
    """Days are stored as YYYY-MM-DD: they sort as text."""
    today = day.isoformat()
    return {"valid_from": {"$lte": today}, "$or": [{"valid_until": None}, {"valid_until": {"$gte": today}}]}
