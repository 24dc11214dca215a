"""People from a file: each row makes or updates a person, an employment, a consent; the same file again changes nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, BinaryIO, Final

from marshmallow import ValidationError

from services.directory_service.domain import access, person, relations
from services.directory_service.domain.access import Actor
from services.directory_service.domain.person import Person
from services.directory_service.domain.relations import Consent, Employment
from services.directory_service.schemas import PersonBody
from services.directory_service.store import Store
from shared.errors import Forbidden, Invalid, Violation, refuse
from shared.jobs.job import Item, Job
from shared.jobs.rows import RowReader, each_row
from shared.jobs.store import Jobs
from shared.storage.work import UnitOfWork
from shared.tables import mapping
from shared.tables.mapping import Field, Proposal
from shared.tables.outcomes import Outcome
from shared.tables.reading import open_table
from shared.tables.table import Row
from shared.tables.values import NotUnderstood, day, plain, yes_or_no

KIND: Final = "people-import"
FIELDS: Final = (
    Field(
        name="external_id",
        required=True,
        names=("employee number", "staff number", "personnel number", "number", "personalnummer", "mitarbeiternummer",
               "numero empleado", "matricola", "osobni cislo", "numer pracownika"),
    ),
    Field(name="given_name", required=True, names=("first name", "vorname", "nombre", "nom", "nome", "jmeno", "imie", "ime")),
    Field(
        name="family_name",
        required=True,
        names=("last name", "surname", "nachname", "apellidos", "cognoms", "cognome", "prijmeni", "nazwisko", "prezime"),
    ),
    Field(name="email", names=("mail", "e-mail", "mail address", "email address", "correo", "posta")),
    Field(name="language", names=("sprache", "idioma", "lingua", "jazyk", "jezyk", "jezik")),
    Field(name="employer", names=("company", "organisation", "unternehmen", "firma", "empresa", "azienda", "spolecnost")),
    Field(name="employed_from", names=("from", "entry date", "start date", "eintritt", "seit")),
    Field(name="employed_until", names=("until", "exit date", "end date", "austritt", "bis")),
    Field(name="consent", names=("einwilligung", "consentimiento", "consenso", "souhlas", "zgoda")),
    Field(name="consent_how", names=("consent given how", "how", "wie eingewilligt")),
    Field(name="consent_on", names=("consent date", "consent given on", "einwilligung am")),
)  # fmt: skip
"""What a column may hold. The words are those that people's own systems use for it."""

_FACTS: Final = ("external_id", "given_name", "family_name", "email", "language")
_OWN_COLUMNS: Final = frozenset({"error code", "error message"})
_BODY: Final = PersonBody()
_MOST_ORGANISATIONS: Final = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody wants of an import. `file` is the id of the stored file; `mapping` field -> column, if chosen."""

    file: str
    name: str
    columns: tuple[str, ...]
    mapping: Mapping[str, str] | None
    dry_run: bool


class PeopleImports:
    """Begun within one unit of work; carried on by a worker."""

    def __init__(self, store: Store, jobs: Jobs, new_id: Callable[[], str]) -> None:
        self._store, self._jobs, self._new_id = store, jobs, new_id

    def begin(self, actor: Actor, wish: Wish) -> Job:
        """Check the columns and queue the import. Raises Invalid with every field that has no column."""
        cluster_id = _cluster_of(actor)
        found = self.columns(cluster_id, wish)
        refuse("import", _missing(found, wish.columns))
        self._store.keep_mapping(cluster_id, KIND, found.columns)
        options = {
            "mapping": dict(found.columns),
            "name": wish.name,
            "unused": list(found.unused),
            "actor": _kept(actor),
        }
        job = Job(
            id=self._new_id(),
            kind=KIND,
            cluster_id=cluster_id,
            actor=actor.subject,
            options=options,
            input=wish.file,
            dry_run=wish.dry_run,
        )
        return self._jobs.make(job)

    def columns(self, cluster_id: str, wish: Wish) -> Proposal:
        """Which column is which field: as chosen, else as the last time, else by their names."""
        if wish.mapping is not None:
            return mapping.checked(_foreign(wish.columns), FIELDS, wish.mapping)
        return self._propose(cluster_id, wish.columns)

    def propose(self, actor: Actor, columns: Sequence[str]) -> Proposal:
        """The mapping that an import of a file with these columns would use."""
        return self._propose(_cluster_of(actor), columns)

    def _propose(self, cluster_id: str, columns: Sequence[str]) -> Proposal:
        return mapping.propose(_foreign(columns), FIELDS, self._store.kept_mapping(cluster_id, KIND))


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportKind:
    """The kind of job. `open_file` gives the stored file, `acting` the store of a unit of work."""

    open_file: Callable[[str], BinaryIO]
    store: Callable[[UnitOfWork], Store]
    refs: Callable[[str, str], str]
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    name: str = KIND
    chunk: int = 250

    def start(self, job: Job) -> "ImportTask":
        """Open the file. TableError fails the job with the reason."""
        return ImportTask(self, job)


class ImportTask:
    """One import being worked on."""

    def __init__(self, kind: ImportKind, job: Job) -> None:
        self._kind, self._job = kind, job
        self._actor = _actor(job.options["actor"])
        self._reader = RowReader(lambda: open_table(kind.open_file(job.input or "")).rows)
        self.total: int | None = None

    def items(self, after: int, limit: int) -> Sequence[Item]:
        """The next rows."""
        return self._reader.items(after, limit)

    def apply(self, work: UnitOfWork, items: Sequence[Item]) -> list[Outcome]:
        """Decide on all rows with what four queries brought."""
        rows = [item.value for item in items]
        desk = _Desk(self._kind, self._actor, self._job, self._kind.store(work), rows)
        return each_row(work, items, lambda _work, row: desk.take(row))


class _Desk:
    """What is known of the people, organisations and relations that these rows name; rows change it as they are taken."""

    def __init__(self, kind: ImportKind, actor: Actor, job: Job, store: Store, rows: Sequence[Row]) -> None:
        self._kind, self._actor, self._store = kind, actor, store
        self._cluster, self._mapping = job.cluster_id, job.options["mapping"]
        numbers = [self._cell(row, "external_id") for row in rows if row.fault is None]
        refs = {number: kind.refs(self._cluster, number) for number in numbers if number}
        self._people = store.people_with_refs(self._cluster, refs.values())
        ids = [found.id for found in self._people.values()]
        self._employments = _by_person(store.employments_of_all(ids))
        self._consents = _by_person(store.consents_of_all(ids))
        self._employers = _known_as(store.organisations_of(self._cluster, _MOST_ORGANISATIONS))

    def take(self, row: Row) -> Outcome:
        """Make or update the person of this row. Raises Invalid with everything that is wrong with it."""
        wish = self._read(row)
        before = self._people.get(wish.ref)
        now, done = self._register(wish) if before is None else self._update(before, wish)
        employed = self._employ(now, wish)
        consented = self._consent(now, wish)
        self._people[wish.ref] = now
        changed = done == "unchanged" and (employed or consented)
        return Outcome(row=row.number, line=row.line, outcome="updated" if changed else done, id=now.id)

    # -- reading a row

    def _cell(self, row: Row, name: str) -> str:
        value = row.cells.get(self._mapping.get(name, ""), "")
        return "" if value is None else str(value).strip()

    def _read(self, row: Row) -> "_RowWish":
        wrong: list[Violation] = []
        facts = {name: text for name in _FACTS if (text := self._cell(row, name))}
        try:
            _BODY.load(facts)
        except ValidationError as error:
            wrong += [self._violation(name, "INVALID", str(texts[0]), facts.get(name)) for name, texts in _texts(error)]
        days = {name: self._day(row, name, wrong) for name in ("employed_from", "employed_until", "consent_on")}
        wish = _RowWish(
            ref=self._kind.refs(self._cluster, facts.get("external_id", "")),
            facts={name: text for name, text in facts.items() if name != "external_id"},
            employer=self._employer(row, wrong),
            consent=self._yes_or_no(row, "consent", wrong),
            how=self._cell(row, "consent_how") or None,
            **days,
        )
        wrong += self._unfit(wish, unknown=bool(self._cell(row, "employer")))
        if wrong:
            raise Invalid(wrong[0].message, violations=wrong)
        return wish

    def _unfit(self, wish: "_RowWish", *, unknown: bool) -> list[Violation]:
        """What one field needs of another. `unknown`: an employer is named, so that none is missing."""
        found: list[Violation] = []
        if wish.consent and wish.employer is None and not unknown:
            found.append(self._violation("consent", "EMPLOYER_MISSING", "A consent names an employer.", "yes"))
        if wish.consent and not (wish.how and wish.consent_on):
            message = "State how and on which day the person gave consent."
            found.append(self._violation("consent", "CONSENT_INCOMPLETE", message, "yes"))
        if self._actor.reach == "employer" and wish.employer is None and not unknown:
            found.append(self._violation("employer", "EMPLOYER_MISSING", "Name the employer of this person.", ""))
        return found

    def _day(self, row: Row, name: str, wrong: list[Violation]) -> date | None:
        value = row.cells.get(self._mapping.get(name, ""))
        if value in (None, ""):
            return None
        try:
            return day(value)
        except NotUnderstood as error:
            wrong.append(self._violation(name, error.code, str(error), str(value)))
            return None

    def _yes_or_no(self, row: Row, name: str, wrong: list[Violation]) -> bool | None:
        text = self._cell(row, name)
        if not text:
            return None
        try:
            return yes_or_no(text)
        except NotUnderstood as error:
            wrong.append(self._violation(name, error.code, str(error), text))
            return None

    def _employer(self, row: Row, wrong: list[Violation]) -> str | None:
        text = self._cell(row, "employer")
        if not text:
            return None
        found = self._employers.get(text) or self._employers.get(plain(text))
        if found is None:
            message = "No company of this cluster has this name, registration number or id."
            wrong.append(self._violation("employer", "UNKNOWN_ORGANISATION", message, text))
        elif self._actor.reach == "employer" and found not in self._actor.organisation_ids:
            wrong.append(self._violation("employer", "UNKNOWN_ORGANISATION", "This is not your company.", text))
            return None
        return found

    def _violation(self, name: str, code: str, message: str, actual: Any) -> Violation:
        return Violation(field=self._mapping.get(name, name), code=code, message=message, actual=actual)

    # -- deciding

    def _register(self, wish: "_RowWish") -> tuple[Person, str]:
        made = Person(id=self._kind.new_id(), cluster_id=self._cluster, external_ref=wish.ref, **wish.facts)  # type: ignore[arg-type]
        return self._store.save(*person.register(made)), "created"

    def _update(self, before: Person, wish: "_RowWish") -> tuple[Person, str]:
        employers = {job.organisation_id for job in self._employments.get(before.id, []) if job.holds(self._today())}
        if not access.sees_person(self._actor, before, employers):
            raise Forbidden("This number belongs to somebody of another company.", code="OTHER_EMPLOYER")
        changed, events = person.change(before, wish.facts)
        return (before, "unchanged") if changed == before else (self._store.save(changed, events), "updated")

    def _employ(self, found: Person, wish: "_RowWish") -> bool:
        """Begin or end the employment; false when it is as it should be."""
        if wish.employer is None:
            return False
        jobs = self._employments.setdefault(found.id, [])
        same = [job for job in jobs if job.organisation_id == wish.employer]
        standing = next((job for job in same if job.valid_until is None), None)
        if standing is not None:
            if wish.employed_until is None:
                return False
            ended = self._store.save(*relations.end_employment(standing, wish.employed_until))
            jobs[jobs.index(standing)] = ended
            return True
        begun = self._employment(found, wish)
        if any(begun.overlaps(job) for job in same):
            return False
        jobs.append(self._store.save(*relations.start_employment(begun, found, True, same)))
        return True

    def _employment(self, found: Person, wish: "_RowWish") -> Employment:
        return Employment(
            id=self._kind.new_id(),
            person_id=found.id,
            organisation_id=wish.employer or "",
            cluster_id=found.cluster_id,
            valid_from=wish.employed_from or min(self._today(), wish.employed_until or self._today()),
            valid_until=wish.employed_until,
        )

    def _consent(self, found: Person, wish: "_RowWish") -> bool:
        """Record or end the consent to share results; false when it is as it should be, or nothing is said."""
        if wish.consent is None or wish.employer is None:
            return False
        consents = self._consents.setdefault(found.id, [])
        given = [c for c in consents if c.organisation_id == wish.employer and c.status == "given"]
        if bool(given) == wish.consent:
            return False
        access.require_voice(self._actor, found)
        if given:
            consents.remove(given[0])
            self._store.save(*relations.withdraw_consent(given[0], self._actor.subject, self._kind.now()))
            return True
        made = Consent(
            id=self._kind.new_id(),
            person_id=found.id,
            organisation_id=wish.employer,
            cluster_id=found.cluster_id,
            purpose="share_results",
            given_at=self._kind.now(),
            given_by=self._actor.subject,
            how=wish.how,
            stated_on=wish.consent_on,
        )
        consents.append(self._store.save(*relations.give_consent(made, found, ())))
        return True

    def _today(self) -> date:
        return self._kind.now().date()


@dataclass(frozen=True, slots=True, kw_only=True)
class _RowWish:
    """A row, understood. `consent` None: nothing is said about it."""

    ref: str
    facts: dict[str, str]
    employer: str | None
    employed_from: date | None
    employed_until: date | None
    consent: bool | None
    how: str | None
    consent_on: date | None


def _cluster_of(actor: Actor) -> str:
    if actor.cluster_id is None or actor.reach == "self":
        raise Forbidden("People are imported by their cluster or their employer.", code="NO_CLUSTER")
    return actor.cluster_id


def _foreign(columns: Sequence[str]) -> list[str]:
    """The columns without those that we ourselves add to failed rows."""
    return [column for column in columns if column not in _OWN_COLUMNS]


def _missing(found: Proposal, columns: Sequence[str]) -> list[Violation]:
    return [
        Violation(
            field=f"mapping.{name}",
            code="COLUMN_MISSING",
            message=f"No column was recognised as {name.replace('_', ' ')}. Choose one.",
            required=list(columns),
        )
        for name in found.missing
    ]


def _by_person(things: Sequence[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for thing in things:
        found.setdefault(thing.person_id, []).append(thing)
    return found


def _known_as(organisations: Sequence[Any]) -> dict[str, str]:
    """Id by id, registration number and name; a name that two companies have names neither."""
    known: dict[str, str] = {}
    names = [plain(one.legal_name) for one in organisations]
    for one in organisations:
        known[one.id] = one.id
        if one.registration_id:
            known[one.registration_id] = one.id
        if names.count(plain(one.legal_name)) == 1:
            known[plain(one.legal_name)] = one.id
    return known


def _texts(error: ValidationError) -> list[tuple[str, list[str]]]:
    return list(error.normalized_messages().items())  # type: ignore[no-untyped-call]


def _kept(actor: Actor) -> dict[str, Any]:
    return {**asdict(actor), "organisation_ids": sorted(actor.organisation_ids)}


def _actor(kept: Mapping[str, Any]) -> Actor:
    return Actor(**{**kept, "organisation_ids": frozenset(kept["organisation_ids"])})
