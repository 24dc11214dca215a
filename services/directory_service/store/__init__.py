"""The directory's documents: the only package that knows fields and indexes."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime
from itertools import groupby, islice
from math import ceil
from typing import Any

from pymongo import ASCENDING

from services.directory_service.domain import likeness
from services.directory_service.domain.access import Actor
from services.directory_service.domain.account import Account
from services.directory_service.domain.criteria import (
    AccountCriteria,
    InvitationCriteria,
    OrganisationCriteria,
    PersonCriteria,
)
from services.directory_service.domain.export import Fact
from services.directory_service.domain.grant import GIVEN, Grant
from services.directory_service.domain.invitation import ACCEPTED, EXPIRED, INVITED, Invitation
from services.directory_service.domain.organisation import Organisation
from services.directory_service.domain.person import Person
from services.directory_service.domain.portal import Portal
from services.directory_service.domain.program import ACTIVE, Program
from services.directory_service.domain.relations import Consent, Employment, Membership
from services.directory_service.manifest import MANIFEST
from services.directory_service.store.reach import query_of, reached
from shared.errors import Conflict
from shared.files.files import COLLECTION as FILES
from shared.files.files import INDEXES as FILE_INDEXES
from shared.storage.documents import TEXT, Documents, K, index
from shared.storage.mongo import Document
from shared.storage.work import UnitOfWork
from shared.versioned import Versioned
from shared.wiring.runtime import Service

Hashed = Callable[[Iterable[str]], list[str]]

_COLLECTIONS: Mapping[type[Versioned], str] = {
    Organisation: "organisations",
    Membership: "memberships",
    Grant: "awarding_grants",
    Person: "people",
    Employment: "employments",
    Consent: "consents",
    Portal: "portals",
    Program: "programs",
    Invitation: "invitations",
    Account: "accounts",
}
_MAPPINGS = "import_mappings"
FACTS = "person_facts"
_LIKE = 0.5
"""How much of what a search looks for a name must have."""
_OPEN = {"valid_until": {"$type": "null"}}


SERVICE = Service(
    manifest=MANIFEST,
    indexes={
        "organisations": [
            index("cluster_id", "_id", name="cluster"),
            index("type", "_id", name="type"),
            index("search", "cluster_id", name="search"),
        ],
        "memberships": [
            index("group_id", "_id", name="group"),
            index("organisation_id", "group_id", name="organisation"),
            index("home_id", "_id", name="home"),
            index("organisation_id", "group_id", name="open_membership", unique=True, only=_OPEN),
        ],
        "awarding_grants": [
            index("home_id", "_id", name="home"),
            index("grantee_home_id", "_id", name="grantee_home"),
            index("organisation_id", "_id", name="organisation"),
            index("grantee_id", "_id", name="grantee"),
            index(
                *("organisation_id", "purpose", "grantee_id", "course_id"),
                name="given_grant",
                unique=True,
                only={"status": GIVEN},
            ),
        ],
        "people": [
            index("cluster_id", "_id", name="cluster"),
            index("search", "cluster_id", name="search"),
            index("merged_into", name="merged", only={"merged_into": TEXT}),
            # A second request of the same number is decided again and finds the first one's person.
            index(
                "cluster_id",
                "external_ref",
                name="external_ref",
                unique=True,
                only={"external_ref": TEXT},
            ),
        ],
        "employments": [
            index("person_id", "organisation_id", name="person"),
            index("organisation_id", "person_id", name="organisation"),
            index("cluster_id", "_id", name="cluster"),
            index("person_id", "organisation_id", name="open_employment", unique=True, only=_OPEN),
        ],
        _MAPPINGS: [],
        FACTS: [index("person_id", "at", "_id", name="told")],
        "portals": [],
        "programs": [
            index("cluster_id", "_id", name="cluster"),
            index("organisation_ids", "_id", name="organisation"),
        ],
        "invitations": [
            index("person_id", "_id", name="person"),
            index("cluster_id", "_id", name="cluster"),
            index("organisation_ids", "_id", name="organisation"),
            index("person_id", "role", name="accepted", only={"status": ACCEPTED}),
            index("person_id", "role", name="open_invitation", unique=True, only={"status": INVITED}),
        ],
        "accounts": [
            index("organisation_id", "_id", name="organisation"),
            index("organisation_id", "user_key", name="user_name", unique=True),
            index("organisation_id", "external_id", "_id", name="number"),
            index("person_id", name="person"),
        ],
        FILES: FILE_INDEXES,
        "consents": [
            index("person_id", "organisation_id", name="person"),
            index("organisation_id", "_id", name="organisation"),
            index("cluster_id", "_id", name="cluster"),
            index(
                "person_id", "organisation_id", "purpose", name="given_consent", unique=True, only={"status": "given"}
            ),
        ],
    },
    duplicates={
        "open_invitation": lambda: Conflict(
            "This person is invited to this role already.", code="DUPLICATE_INVITATION"
        ),
        "user_name": lambda: Conflict("Somebody else of this employer has this user name.", code="USER_NAME_TAKEN"),
        "open_membership": lambda: Conflict("It is a member of this group already.", code="DUPLICATE_MEMBERSHIP"),
        "given_grant": lambda: Conflict("This grant has already been given.", code="DUPLICATE_GRANT"),
        "open_employment": lambda: Conflict("This person works there already.", code="DUPLICATE_EMPLOYMENT"),
        "given_consent": lambda: Conflict("Consent has already been given.", code="DUPLICATE_CONSENT"),
    },
)


class Store(Documents):
    """The directory as one unit of work sees it."""

    def __init__(self, work: UnitOfWork, hashed: Hashed) -> None:
        """`hashed` makes keyed hashes of pieces of names: the index holds nothing that can be read."""
        super().__init__(work, _COLLECTIONS)
        self._hashed = hashed

    def _beside(self, thing: Versioned) -> Document:
        if isinstance(thing, Person):
            return {"search": self._hashed(likeness.pieces(_name(thing)))}
        return {"search": sorted(likeness.pieces(thing.legal_name))} if isinstance(thing, Organisation) else {}

    # -- any kind

    def page(self, kind: type[K], criteria: Any, actor: Actor | None, after: str | None, limit: int) -> list[K]:
        """Things that match the criteria and that the actor reaches, by id, after the given one. None: all of them."""
        return self._page(kind, criteria, actor, {}, after, limit)

    def _page(
        self, kind: type[K], criteria: Any, actor: Actor | None, more: Document, after: str | None, limit: int
    ) -> list[K]:
        behind = {} if after is None else {"_id": {"$gt": after}}
        query = {"$and": [query_of(criteria), more, reached(kind, actor), behind]}
        return self._find(kind, query, sort=[("_id", ASCENDING)], limit=limit)

    # -- people

    def known_people(self, ids: Iterable[str]) -> dict[str, Person]:
        """Those of the ids that are known."""
        return self.known(Person, ids)

    def people_with_ref(self, cluster_id: str, external_ref: str) -> list[Person]:
        """Nobody, or the one whom the partner's number names."""
        return self._find(Person, {"cluster_id": cluster_id, "external_ref": {"$eq": external_ref, **TEXT}})

    def people_with_refs(self, cluster_id: str, refs: Iterable[str]) -> dict[str, Person]:
        """By reference, whom the partner's numbers name; for a merged record the one who answers for it."""
        wanted = {"cluster_id": cluster_id, "external_ref": {"$in": sorted(set(refs)), **TEXT}}
        found = {str(one.external_ref): one for one in self._find(Person, wanted)}
        winners = self.known_people(one.merged_into for one in found.values() if one.merged_into)
        return {ref: winners.get(one.merged_into or "", one) for ref, one in found.items()}

    def merged_into(self, person_id: str) -> list[Person]:
        """Those whose id leads to this person."""
        return self._find(Person, {"merged_into": {"$eq": person_id, **TEXT}})

    def employees_page(
        self, organisation_ids: Iterable[str], criteria: PersonCriteria, day: date, after: str | None, limit: int
    ) -> list[Person]:
        """Who works for any of these organisations on that day, by id; of one cluster and in one state if named."""
        match: Document = {"organisation_id": {"$in": sorted(organisation_ids)}, **_holds(day)}
        if criteria.cluster is not None:
            match["cluster_id"] = criteria.cluster
        if after is not None:
            match["person_id"] = {"$gt": after}
        # The index gives them in this order, and no more is read than fills the page.
        rows = self._work.collection("employments").find(
            match, {"person_id": 1}, sort=[("person_id", ASCENDING)], batch_size=limit + 1, hint="organisation"
        )
        ids = (person_id for person_id, _ in groupby(row["person_id"] for row in rows))
        batches = iter(lambda: list(islice(ids, limit)), [])
        people = (person for batch in batches for person in self.known_people(batch).values())
        return list(islice((one for one in people if criteria.status in {None, one.status}), limit))

    def people_like(
        self, query: str, criteria: PersonCriteria, employers: Collection[str] | None, day: date, most: int
    ) -> list[Person]:
        """Whose name is like the query, best first, among those that match; working for any of `employers` then."""
        asked = replace(criteria, organisation=None, q=None)
        return self._like(Person, self._hashed(likeness.wanted(query)), asked, _working_for(employers, day), most)

    # -- names

    def organisations_like(self, query: str, criteria: OrganisationCriteria, most: int) -> list[Organisation]:
        """Whose name is like the query, best first, among those that match."""
        return self._like(Organisation, sorted(likeness.wanted(query)), replace(criteria, q=None), [], most)

    def nameless(self, kind: type[K], most: int) -> list[K]:
        """Some whose names cannot be searched yet: kept since before there was a search for them."""
        return self._find(kind, {"search": {"$exists": False}}, limit=most)

    def _like(self, kind: type[K], pieces: list[str], criteria: Any, more: list[Document], most: int) -> list[K]:
        if not pieces:
            return []
        shared: Document = {"$size": {"$setIntersection": ["$search", pieces]}}
        stages: list[Document] = [
            {"$match": {"search": {"$in": pieces}, **query_of(criteria)}},
            {"$project": {"shared": shared, "length": {"$size": "$search"}}},
            {"$match": {"shared": {"$gte": ceil(_LIKE * len(pieces))}}},
            *more,
            {"$sort": {"shared": -1, "length": 1, "_id": 1}},
            {"$limit": most},
        ]
        found = self._work.collection(_COLLECTIONS[kind]).aggregate(stages)
        return self.named(kind, [row["_id"] for row in found])

    # -- relations

    def memberships_of(self, organisation_id: str, group_id: str | None = None) -> list[Membership]:
        """All memberships of one organisation, in one group if it is named, past ones too."""
        group = {} if group_id is None else {"group_id": group_id}
        return self._find(Membership, {"organisation_id": organisation_id, **group})

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

    def active_programs(self) -> set[str]:
        """Ids of all programs whose key was not ended."""
        rows = self._work.collection("programs").find({"status": ACTIVE}, {"_id": 1})
        return {row["_id"] for row in rows}

    def invitations(
        self, criteria: InvitationCriteria, actor: Actor, now: datetime, after: str | None, limit: int
    ) -> list[Invitation]:
        """Those that match and that the actor manages, by id; an open one is expired when its time is over."""
        late: Document = {"status": INVITED, "expires_at": {"$lte": now}}
        states: Mapping[str | None, Document] = {
            None: {},
            INVITED: {"status": INVITED, "expires_at": {"$gt": now}},
            EXPIRED: {"$or": [{"status": EXPIRED}, late]},
        }
        state = states.get(criteria.status, {"status": criteria.status})
        return self._page(Invitation, replace(criteria, status=None), actor, state, after, limit)

    def invitations_of(self, person_id: str) -> list[Invitation]:
        """Those of a person that nobody accepted or took back."""
        return self._find(Invitation, {"person_id": person_id, "status": INVITED})

    def accepted_by(self, person_id: str, role: str) -> list[Invitation]:
        """Those by which a person signs in as this."""
        return self._find(Invitation, {"person_id": person_id, "role": role, "status": ACCEPTED})

    # -- how HR systems know people

    def accounts(self, criteria: AccountCriteria, skip: int, limit: int) -> tuple[list[Account], int]:
        """Those of one employer that match, by id, behind the first `skip`, and how many match."""
        query = query_of(criteria)
        total = self._work.collection("accounts").count_documents(query)
        if limit == 0:
            return [], total
        return self._find(Account, query, sort=[("_id", ASCENDING)], skip=skip, limit=limit), total

    def forget_account(self, account_id: str) -> None:
        """An HR system knows the person no more."""
        self._work.delete("accounts", account_id)

    def forget_accounts(self, person_id: str) -> None:
        """No HR system knows this person any more."""
        for row in self._work.find("accounts", {"person_id": person_id}):
            self._work.delete("accounts", row["_id"])

    # -- what other services said of people

    def keep_fact(self, person_id: str, file: str, kind: str, key: str, data: Mapping[str, Any]) -> None:
        """Something that happened at this unit of work's time."""
        at = self._work.clock()
        fact_id = f"{kind}/{key}/{at.isoformat()}"
        self._work.peek(FACTS, fact_id)
        told = {"type": kind, "at": at, **data}
        self._work.save(FACTS, {"_id": fact_id, "person_id": person_id, "at": at, "file": file, "told": told})

    def facts_of(self, person_ids: Iterable[str]) -> list[Fact]:
        """What happened to these people, the oldest first."""
        mine = {"person_id": {"$in": sorted(person_ids)}}
        rows = self._work.find(FACTS, mine, sort=[("at", ASCENDING), ("_id", ASCENDING)])
        return [Fact(row["file"], row["told"]) for row in rows]

    def forget_facts(self, person_id: str) -> None:
        """Nothing that was told of this person is left."""
        for row in self._work.find(FACTS, {"person_id": person_id}):
            self._work.delete(FACTS, row["_id"])

    def heard_until(self) -> datetime | None:
        """When the last time was that nothing more of other services was waiting to be heard."""
        progress = self._work.collection("consumer_progress").find_one({"_id": "facts"}) or {}
        caught_up: datetime | None = progress.get("caught_up_at")
        return caught_up

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


def _name(person: Person) -> str:
    return f"{person.given_name or ''} {person.family_name or ''}"


def _working_for(employers: Collection[str] | None, day: date) -> list[Document]:
    """Stages that leave those who work for one of them that day; none to leave everybody."""
    if employers is None:
        return []
    at_work: list[Document] = [
        {"$match": {"organisation_id": {"$in": sorted(employers)}, **_holds(day)}},
        {"$limit": 1},
    ]
    joined = {
        "from": "employments",
        "localField": "_id",
        "foreignField": "person_id",
        "pipeline": at_work,
        "as": "jobs",
    }
    return [{"$lookup": joined}, {"$match": {"jobs": {"$ne": []}}}]


def _holds(day: date) -> Document:
    """Days are stored as YYYY-MM-DD: they sort as text."""
    today = day.isoformat()
    return {"valid_from": {"$lte": today}, "$or": [{"valid_until": None}, {"valid_until": {"$gte": today}}]}
