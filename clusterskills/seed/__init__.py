"""The seed of the demo: real partnerships and clusters, invented companies and people, courses of our own."""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TypeVar

import msgspec

from clusterskills.seed.model import (
    AssessmentType,
    Audience,
    Cluster,
    Course,
    CourseType,
    Gender,
    LearningOutcome,
    Mode,
    Organisation,
    OrganisationType,
    OutcomeType,
    Partnership,
    Person,
    Pillar,
    QualityAssurance,
    RegionCategory,
    ReuseLevel,
    SizeClass,
    SkillCategory,
    Texts,
)

__all__ = [
    "AssessmentType",
    "Audience",
    "Cluster",
    "Course",
    "CourseType",
    "Gender",
    "LearningOutcome",
    "Mode",
    "Organisation",
    "OrganisationType",
    "OutcomeType",
    "Partnership",
    "Person",
    "Pillar",
    "QualityAssurance",
    "RegionCategory",
    "ReuseLevel",
    "SizeClass",
    "SkillCategory",
    "Texts",
    "UnknownSlug",
    "clusters",
    "courses",
    "organisations",
    "partnerships",
    "people",
]

STRIDE = 7919
"""A prime that divides no list's size, so that stepping by it visits every pair of names before it repeats one."""

T = TypeVar("T")


class UnknownSlug(LookupError):
    """No cluster or employer of the seed has this slug."""


@dataclass(frozen=True, slots=True)
class _Names:
    """Names usual in one country. `family_female` stands beside `family` where the form differs."""

    female: tuple[str, ...]
    male: tuple[str, ...]
    family: tuple[str, ...]
    family_female: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Clusters:
    clusters: tuple[Cluster, ...]
    partnerships: tuple[Partnership, ...]


@dataclass(frozen=True, slots=True)
class _People:
    job_roles: tuple[str, ...]
    countries: dict[str, _Names]


def partnerships() -> tuple[Partnership, ...]:
    """The three partnerships."""
    return _clusters().partnerships


def clusters() -> tuple[Cluster, ...]:
    """Every cluster once, also those in two partnerships."""
    return _clusters().clusters


@cache
def organisations() -> tuple[Organisation, ...]:
    """Two SMEs, one large company and one training provider per cluster, all invented."""
    return _read("organisations.json", tuple[Organisation, ...])


@cache
def courses() -> tuple[Course, ...]:
    """The courses written for the demo; a prerequisite comes before the course that asks for it."""
    return _read("courses.json", tuple[Course, ...])


def people(slug: str, n: int) -> tuple[Person, ...]:
    """The first n invented workers of an employer or, taking turns, of a cluster's employers.

    The same every time, and a shorter list is the start of a longer one. External ids are unique over the whole seed.
    """
    employers = _employers(slug)
    return tuple(_person(employers[i % len(employers)], i // len(employers)) for i in range(n))


def _employers(slug: str) -> tuple[Organisation, ...]:
    found = tuple(
        organisation
        for organisation in organisations()
        if organisation.type != "training_provider" and slug in (organisation.slug, organisation.cluster)
    )
    if not found:
        raise UnknownSlug(f"No cluster or employer {slug!r} in the seed.")
    return found


def _person(employer: Organisation, number: int) -> Person:
    lists = _people()
    names = lists.countries[employer.country]
    start = int.from_bytes(hashlib.sha256(employer.slug.encode()).digest()[:4])
    given_name, family_name, gender = _name(names, start + number * STRIDE)
    external_id = f"{employer.slug}-{number + 1:05}"
    return Person(
        external_id=external_id,
        given_name=given_name,
        family_name=family_name,
        gender=gender,
        email=f"{external_id}@people.example",
        language=_language(employer.cluster),
        country=employer.country,
        nuts2=employer.nuts2,
        organisation=employer.slug,
        cluster=employer.cluster,
        job_role=lists.job_roles[(start + number) % len(lists.job_roles)],
    )


def _name(names: _Names, position: int) -> tuple[str, str, Gender]:
    given = len(names.female) + len(names.male)
    family, first = divmod(position % (given * len(names.family)), given)
    if first < len(names.female):
        return names.female[first], (names.family_female or names.family)[family], "female"
    return names.male[first - len(names.female)], names.family[family], "male"


def _language(cluster_slug: str) -> str:
    return next(cluster.default_language for cluster in clusters() if cluster.slug == cluster_slug)


@cache
def _clusters() -> _Clusters:
    return _read("partnerships.json", _Clusters)


@cache
def _people() -> _People:
    return _read("people.json", _People)


def _read(name: str, shape: type[T]) -> T:
    return msgspec.json.decode(files(__package__).joinpath(name).read_bytes(), type=shape)
