"""Which column is which field: proposed from the names, shown to a person, kept for the next time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz

from shared.errors import Invalid, Violation
from shared.tables.values import plain

_SURE, _LIKELY = 100.0, 85.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Something that a column may hold. `names` are other words for it, in any language."""

    name: str
    required: bool = False
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """`columns` maps a field to its column; `unused` columns mean nothing to us; `missing` fields are required."""

    columns: Mapping[str, str]
    unused: tuple[str, ...]
    missing: tuple[str, ...]


def propose(columns: Sequence[str], fields: Iterable[Field], known: Mapping[str, str] | None = None) -> Proposal:
    """Map each field to the column whose name is most like one of its names; `known` is an earlier answer.

    Equal names come before similar ones; each column serves one field.
    """
    wanted = list(fields)
    chosen = {name: column for name, column in (known or {}).items() if column in columns}
    pairs = sorted(
        (
            (-_likeness(column, field), place, column, field.name)
            for place, column in enumerate(columns)
            for field in wanted
        ),
    )
    taken = set(chosen.values())
    for likeness, _, column, name in pairs:
        if -likeness < _LIKELY:
            break
        if name not in chosen and column not in taken:
            chosen[name] = column
            taken.add(column)
    return _proposal(columns, wanted, chosen)


def checked(columns: Sequence[str], fields: Iterable[Field], mapping: Mapping[str, str]) -> Proposal:
    """The mapping that a person chose. Raises Invalid with every unknown field or column and every missing field."""
    wanted = list(fields)
    names = {field.name for field in wanted}
    wrong = [
        Violation(
            field=f"mapping.{name}", code="UNKNOWN_FIELD", message="There is no such field.", required=sorted(names)
        )
        for name in mapping
        if name not in names
    ]
    wrong += [
        Violation(
            field=f"mapping.{name}",
            code="UNKNOWN_COLUMN",
            message="The file has no such column.",
            actual=column,
            required=list(columns),
        )
        for name, column in mapping.items()
        if column not in columns
    ]
    found = _proposal(columns, wanted, mapping)
    wrong += [
        Violation(field=f"mapping.{name}", code="COLUMN_MISSING", message="This field needs a column.", required=name)
        for name in found.missing
    ]
    if wrong:
        raise Invalid(f"The columns do not fit: {wrong[0].message}", violations=wrong)
    return found


def _likeness(column: str, field: Field) -> float:
    own = plain(column)
    return max((_alike(own, plain(name)) for name in (field.name, *field.names)), default=0.0)


def _alike(one: str, other: str) -> float:
    if one == other or one.replace(" ", "") == other.replace(" ", ""):
        return _SURE
    return fuzz.ratio(one, other) if min(len(one), len(other)) > 4 else 0.0


def _proposal(columns: Sequence[str], fields: Sequence[Field], chosen: Mapping[str, str]) -> Proposal:
    used = set(chosen.values())
    return Proposal(
        columns={field.name: chosen[field.name] for field in fields if field.name in chosen},
        unused=tuple(column for column in columns if column not in used),
        missing=tuple(field.name for field in fields if field.required and field.name not in chosen),
    )
