"""People: registered and kept up to date by their cluster or employer, merged, erased."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from services.directory_service.actions.common import Ask
from services.directory_service.domain import access, invitation, person, relations
from services.directory_service.domain.access import Actor
from services.directory_service.domain.criteria import PersonCriteria
from services.directory_service.domain.person import Person
from services.directory_service.domain.relations import Consent, Employment
from services.directory_service.store import Store
from shared.errors import Conflict, Forbidden, Violation, refuse
from shared.storage.documents import not_found
from shared.versioned import require_version


@dataclass(frozen=True, slots=True)
class Me:
    """What the directory holds of the caller."""

    person: Person | None
    employments: list[Employment]
    consents: list[Consent]


@dataclass(frozen=True, slots=True)
class EndLogins:
    """Asks that a person can sign in no more."""

    person_id: str


class People:
    """Register, put by the partner's number, read, name, change, merge, erase."""

    def __init__(
        self,
        store: Store,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        refs: Callable[[str, str], str],
        ask: Ask,
    ) -> None:
        self._store, self._now, self._new_id, self._refs, self._ask = store, now, new_id, refs, ask

    def register(self, actor: Actor, facts: dict[str, Any]) -> Person:
        """Register a person of the caller's cluster."""
        cluster_id = _cluster(actor, facts.pop("cluster_id", None))
        external_id = facts.pop("external_id", None)
        ref = None if external_id is None else self._refs(cluster_id, external_id)
        if ref is not None and self._store.people_with_ref(cluster_id, ref):
            raise Conflict("Somebody of this cluster has this external id already.", code="EXTERNAL_ID_TAKEN")
        return self._register(cluster_id, ref, facts)

    def put(self, actor: Actor, external_id: str, facts: dict[str, Any], seen: int | None) -> tuple[Person, bool]:
        """Make or update whom the partner's number names. Also says whether the person is new."""
        cluster_id = _cluster(actor, facts.pop("cluster_id", None))
        ref = self._refs(cluster_id, external_id)
        for found in self._store.people_with_ref(cluster_id, ref):
            facts.pop("id", None)
            return self._change(actor, self._follow(found), facts, seen), False
        return self._register(cluster_id, ref, facts), True

    def get(self, actor: Actor, person_id: str) -> Person:
        """The person, or the one into whom the record was merged."""
        return self._visible(actor, self._follow(self._store.get(Person, person_id)), person_id)

    def page(self, actor: Actor, criteria: PersonCriteria, after: str | None, limit: int) -> list[Person]:
        """People whom the caller may see, by id; with `q` by name, the most alike first and no further page."""
        cluster_id = criteria.cluster or (actor.cluster_id if actor.reach == "cluster" else None)
        if actor.reach == "self" or (actor.reach == "cluster" and not actor.of_cluster(cluster_id)):
            return []
        if criteria.external_id is not None:
            return self._with_number(actor, cluster_id or actor.cluster_id, criteria.external_id, after)
        employers, today = self._employers(actor, criteria.organisation), self._now().date()
        asked = replace(criteria, cluster=cluster_id)
        if criteria.q is not None:
            return [] if after else self._store.people_like(criteria.q, asked, employers, today, limit)
        if employers is None:
            return self._store.page(Person, asked, None, after, limit)
        return self._store.employees_page(employers, asked, today, after, limit)

    def by_ids(self, actor: Actor, ids: Sequence[str]) -> list[Person]:
        """Those of these whom the caller may see, in the order of the ids."""
        found, today = self._store.named(Person, ids), self._now().date()
        jobs = self._store.employments_of_all(ids) if actor.reach == "employer" else []
        at_work = [(job.person_id, job.organisation_id) for job in jobs if job.holds(today)]
        return [p for p in found if access.sees_person(actor, p, [employer for i, employer in at_work if i == p.id])]

    def index_names(self, most: int) -> int:
        """Let people be found by name who were registered before there was a search; returns how many."""
        found = self._store.nameless(Person, most)
        for one in found:
            self._store.save(one)
        return len(found)

    def names(self, person_ids: Iterable[str]) -> list[tuple[str, Person | None]]:
        """For each id the person who answers for it now; None for an unknown one."""
        wanted = list(dict.fromkeys(person_ids))
        known = self._store.known_people(wanted)
        winners = self._store.known_people(p.merged_into for p in known.values() if p.merged_into)
        return [(i, winners.get(known[i].merged_into or "", known[i]) if i in known else None) for i in wanted]

    def change(self, actor: Actor, person_id: str, changes: dict[str, Any], seen: int | None) -> Person:
        """Change name, address or language."""
        return self._change(actor, self.get(actor, person_id), changes, seen)

    def merge(self, actor: Actor, person_id: str, into_person_id: str) -> Person:
        """Two records were one person. The loser's employments and consents pass to the winner."""
        loser, winner = (self._of_desk(actor, i) for i in (person_id, into_person_id))
        merged = self._store.save(*person.merge(loser, winner))
        self._hand_over(loser, winner)
        return merged

    def me(self, actor: Actor) -> Me:
        """What is held of the caller; nothing when no person belongs to the token."""
        found = self._store.known_people([actor.person_id] if actor.person_id else [])
        for me in map(self._follow, found.values()):
            return Me(me, self._store.employments_of(me.id), self._store.consents_of(me.id))
        return Me(None, [], [])

    def records_of(self, actor: Actor) -> list[str]:
        """Ids of the caller's records, those that were merged too."""
        me = self.me(actor).person
        return [] if me is None else [me.id, *(other.id for other in self._store.merged_into(me.id))]

    def erase_me(self, actor: Actor) -> Person:
        """Destroy the caller's personal data, in records that were merged too, and end what held."""
        if actor.person_id is None:
            raise Forbidden("This token names no person.", code="NO_PERSON")
        return self._erase_all(self._follow(self._store.get(Person, actor.person_id)))

    def erase(self, actor: Actor, person_id: str, seen: int | None) -> Person:
        """Destroy the data of somebody without a login, who asked their cluster for it. A key may not."""
        found = self._of_desk(actor, person_id)
        if actor.person_id is None and actor.reach != "platform":
            raise Forbidden("A cluster's manager erases people, not a program.", code="NOT_YOURS")
        require_version(found, seen)
        return self._erase_all(self._follow(found))

    # -- inside

    def _register(self, cluster_id: str, ref: str | None, facts: dict[str, Any]) -> Person:
        made = Person(
            **{**facts, "id": facts.get("id") or self._new_id(), "cluster_id": cluster_id, "external_ref": ref}
        )
        self._store.require_new(Person, made.id)
        return self._store.save(*person.register(made))

    def _change(self, actor: Actor, found: Person, changes: dict[str, Any], seen: int | None) -> Person:
        self._visible(actor, found, found.id)
        if not access.may_change_person(actor, found):
            raise Forbidden("The person's own cluster changes this.", code="NOT_YOURS")
        require_version(found, seen)
        changed, events = person.change(found, changes)
        return found if changed == found else self._store.save(changed, events)

    def _follow(self, found: Person) -> Person:
        while found.merged_into is not None and not found.erased:
            found = self._store.get(Person, found.merged_into)
        return found

    def _visible(self, actor: Actor, found: Person, asked: str) -> Person:
        employers = self._store.employers_of(found.id, self._now().date()) if actor.reach == "employer" else ()
        if not access.sees_person(actor, found, employers):
            raise not_found(Person, asked)
        return found

    def _of_desk(self, actor: Actor, person_id: str) -> Person:
        found = self._store.get(Person, person_id)
        if not (actor.desk and actor.of_cluster(found.cluster_id)):
            raise not_found(Person, person_id)
        return found

    def _with_number(self, actor: Actor, cluster_id: str | None, external_id: str, after: str | None) -> list[Person]:
        if cluster_id is None or after is not None:
            return []
        found = map(self._follow, self._store.people_with_ref(cluster_id, self._refs(cluster_id, external_id)))
        day = self._now().date()
        return [p for p in found if access.sees_person(actor, p, self._store.employers_of(p.id, day))]

    def _employers(self, actor: Actor, organisation_id: str | None) -> set[str] | None:
        """Whose employees to list; None for everybody of the cluster."""
        asked = None if organisation_id is None else {organisation_id}
        if actor.reach != "employer":
            return asked
        return set(actor.organisation_ids) if asked is None else asked & actor.organisation_ids

    def _hand_over(self, loser: Person, winner: Person) -> None:
        """What holds for the loser ends and, unless the winner has the same, begins for the winner."""
        held = self._store.employments_of(winner.id)
        for job in self._end_jobs(loser):
            begun = replace(job, id=self._new_id(), version=0, person_id=winner.id, cluster_id=winner.cluster_id)
            if not any(begun.overlaps(other) and begun.organisation_id == other.organisation_id for other in held):
                self._store.save(*relations.start_employment(begun, winner, True, ()))
        given = {(c.organisation_id, c.purpose) for c in self._store.consents_of(winner.id, status="given")}
        for consent in self._withdraw_consents(loser, "merge"):
            begun_consent = replace(
                consent, id=self._new_id(), version=0, person_id=winner.id, cluster_id=winner.cluster_id
            )
            if (consent.organisation_id, consent.purpose) not in given:
                self._store.save(*relations.give_consent(begun_consent, winner, ()))

    def _erase_all(self, found: Person) -> Person:
        """Also what was merged into it, invitations that are open, and logins at the identity provider."""
        for other in self._store.merged_into(found.id):
            self._erase(other)
        for standing in self._store.invitations_of(found.id):
            self._store.save(invitation.expire(standing))
        erased = self._erase(found)
        self._ask(EndLogins(found.id))
        return erased

    def _erase(self, found: Person) -> Person:
        self._end_jobs(found)
        self._withdraw_consents(found, "erasure")
        self._store.forget_facts(found.id)
        self._store.forget_accounts(found.id)
        return self._store.save(*person.erase(found))

    def _end_jobs(self, found: Person) -> list[Employment]:
        """End all that is open; returns it as it was."""
        today = self._now().date()
        still_open = [job for job in self._store.employments_of(found.id) if job.valid_until is None]
        for job in still_open:
            self._store.save(*relations.end_employment(job, max(today, job.valid_from)))
        return still_open

    def _withdraw_consents(self, found: Person, reason: str) -> list[Consent]:
        """Withdraw all that hold; returns them as they were."""
        given = self._store.consents_of(found.id, status="given")
        for consent in given:
            self._store.save(*relations.withdraw_consent(consent, reason, self._now()))
        return given


def _cluster(actor: Actor, asked: str | None) -> str:
    """The cluster to work in: the caller's own; the platform names one."""
    cluster_id = asked or actor.cluster_id
    message = "Name the cluster." if cluster_id is None else "This is not your cluster."
    if cluster_id is None or not actor.of_cluster(cluster_id):
        refuse("person", [Violation(field="cluster_id", code="NOT_YOUR_CLUSTER", message=message, actual=asked)])
    return str(cluster_id)
