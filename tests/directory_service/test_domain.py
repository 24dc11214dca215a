"""The directory's rules, without any engine."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.directory_service.domain import access, grant, organisation, person, relations
from services.directory_service.domain.access import Actor
from services.directory_service.domain.grant import Grant
from services.directory_service.domain.organisation import SIZE_CLASSES, Organisation, size_of
from services.directory_service.domain.person import Person
from services.directory_service.domain.relations import Consent, Employment, Membership
from shared.errors import Conflict, Forbidden, IllegalTransition, Invalid, Stale
from shared.schemas.directory import OrganisationRegistered
from shared.schemas.event import Event
from shared.versioned import require_version

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = NOW.date()
COMPANY = Organisation(id="o1", cluster_id="c1", type="sme", legal_name="Werk GmbH", country="DE")
CLUSTER = Organisation(id="c1", cluster_id="c1", type="cluster", legal_name="Cluster", country="DE")
PARTNERSHIP = Organisation(id="p1", cluster_id=None, type="partnership", legal_name="EVOLUTE", country="DE")
PERSON = Person(id="w1", cluster_id="c1", given_name="Jana", family_name="Keller")
JOB = Employment(id="e1", person_id="w1", organisation_id="o1", cluster_id="c1", valid_from=DAY)
MEMBERSHIP = Membership(id="m1", organisation_id="o1", group_id="c1", valid_from=DAY)
BOTH = frozenset({"group", "organisation"})
GRANT = Grant(
    id="g1",
    organisation_id="o1",
    home_id="c1",
    grantee_id="o2",
    grantee_home_id="c2",
    given_at=NOW,
    given_by="s1",
)
CONSENT = Consent(
    id="k1",
    person_id="w1",
    organisation_id="o1",
    cluster_id="c1",
    purpose="share_results",
    given_at=NOW,
    given_by="s1",
)

FIGURES = some.none() | some.integers(0, 100_000_000)
DAYS = some.dates(date(2020, 1, 1), date(2030, 1, 1))


def codes(refused: pytest.ExceptionInfo[Invalid]) -> list[tuple[str, str]]:
    return [(violation.field, violation.code) for violation in refused.value.violations]


# -- size


@pytest.mark.parametrize(
    ("headcount", "turnover", "balance_sheet", "size"),
    [
        (9, 2_000_000, None, "micro"),
        (9, 2_000_001, None, "small"),
        (10, 1, 1, "small"),
        (49, 11_000_000, 10_000_000, "small"),
        (249, 50_000_000, 99_000_000, "medium"),
        (249, 51_000_000, 43_000_000, "medium"),
        (249, 51_000_000, 44_000_000, "large"),
        (250, 0, 0, "large"),
        (49, None, None, "small"),
        (None, 1, 1, None),
    ],
)
def test_size_follows_recommendation_2003_361(
    headcount: int | None, turnover: int | None, balance_sheet: int | None, size: str | None
) -> None:
    assert size_of(headcount, turnover, balance_sheet) == size


@given(some.integers(0, 1_000), FIGURES, FIGURES, some.integers(1, 1_000))
def test_more_staff_never_makes_an_organisation_smaller(
    headcount: int, turnover: int | None, balance_sheet: int | None, more: int
) -> None:
    before, after = (size_of(count, turnover, balance_sheet) for count in (headcount, headcount + more))

    assert before is not None
    assert after is not None
    assert SIZE_CLASSES.index(after) >= SIZE_CLASSES.index(before)


@given(some.integers(0, 1_000), some.integers(0, 10**8), some.integers(0, 10**8))
def test_one_small_money_figure_is_enough(headcount: int, turnover: int, balance_sheet: int) -> None:
    assert size_of(headcount, turnover, balance_sheet) == min(
        (str(size_of(headcount, turnover, None)), str(size_of(headcount, None, balance_sheet))),
        key=SIZE_CLASSES.index,
    )


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"headcount": 300}, [("type", "SIZE_INCONSISTENT")]),
        ({"type": "large_company", "headcount": 12}, [("type", "SIZE_INCONSISTENT")]),
        ({"headcount": 12, "stated_size_class": "micro"}, [("size_class", "SIZE_INCONSISTENT")]),
        ({"stated_size_class": "large"}, [("type", "SIZE_INCONSISTENT")]),
        ({"country": "XX"}, [("country", "COUNTRY_UNKNOWN")]),
        ({"nuts2": "FR10"}, [("nuts2", "NUTS_COUNTRY")]),
        ({"legal_name": " "}, [("legal_name", "BLANK")]),
        ({"type": "cluster"}, [("cluster_id", "CLUSTER_ID")]),
    ],
)
def test_an_organisation_that_breaks_a_rule_is_refused(facts: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    with pytest.raises(Invalid) as refused:
        organisation.register(replace(COMPANY, **facts))

    assert codes(refused) == expected


@pytest.mark.parametrize(
    "facts",
    [
        {"type": "large_company", "headcount": 12, "group_linked": True},
        {"stated_size_class": "small"},
        {"headcount": 12, "stated_size_class": "small"},
        {"country": "GR", "nuts2": "EL30"},
        {"type": "training_provider", "headcount": 900},
    ],
)
def test_an_organisation_that_keeps_the_rules_is_registered(facts: dict[str, Any]) -> None:
    made, events = organisation.register(replace(COMPANY, **facts))

    assert [event.TYPE for event in events] == ["organisation.registered.v1"]
    assert made.size_class == (facts.get("stated_size_class") or made.size_class)


def test_a_change_tells_the_new_facts_and_no_change_tells_nothing() -> None:
    changed, events = organisation.change(COMPANY, {"headcount": 9})

    assert events[0].size_class == "micro"  # type: ignore[attr-defined]
    assert organisation.change(changed, {"headcount": 9}) == (changed, [])


def test_an_organisation_tells_its_headcount_and_nace_code() -> None:
    _, happened = organisation.register(replace(COMPANY, headcount=12, sector="C28"))

    assert [(event.headcount, event.sector, event.size_class) for event in told(happened)] == [(12, "C28", "small")]


def told(happened: Sequence[Event]) -> list[OrganisationRegistered]:
    return [event for event in happened if isinstance(event, OrganisationRegistered)]


def test_suspension_goes_to_and_fro() -> None:
    suspended, _ = organisation.suspend(COMPANY)
    with pytest.raises(IllegalTransition):
        organisation.suspend(suspended)
    active, _ = organisation.reinstate(suspended)
    assert active == COMPANY
    with pytest.raises(IllegalTransition):
        organisation.reinstate(active)


# -- people


def test_a_persons_events_hold_ids_only() -> None:
    registered, events = person.register(PERSON)
    merged, more = person.merge(registered, replace(PERSON, id="w2"))
    erased, last = person.erase(merged)

    assert "Jana" not in str([*events, *more, *last])
    assert (merged.given_name, merged.merged_into) == (None, "w2")
    assert erased.erased


def test_an_erased_person_stays_erased() -> None:
    erased, _ = person.erase(PERSON)
    with pytest.raises(IllegalTransition):
        person.erase(erased)
    with pytest.raises(IllegalTransition):
        person.change(erased, {"given_name": "Neu"})
    with pytest.raises(IllegalTransition):
        person.merge(PERSON, erased.__class__(id="w3", cluster_id="c1", status="erased"))


def test_a_person_is_not_merged_into_themselves() -> None:
    with pytest.raises(Conflict):
        person.merge(PERSON, PERSON)


def test_blank_names_are_refused_together() -> None:
    with pytest.raises(Invalid) as refused:
        person.change(PERSON, {"given_name": " ", "family_name": "\t"})

    assert codes(refused) == [("given_name", "BLANK"), ("family_name", "BLANK")]


# -- relations


@given(DAYS, some.none() | DAYS, DAYS, some.none() | DAYS)
def test_periods_overlap_when_both_hold_on_some_day(
    begin: date, end: date | None, other_begin: date, other_end: date | None
) -> None:
    one = replace(JOB, valid_from=begin, valid_until=end and max(begin, end))
    other = replace(JOB, valid_from=other_begin, valid_until=other_end and max(other_begin, other_end))
    latest_start = max(one.valid_from, other.valid_from)

    assert one.overlaps(other) == other.overlaps(one) == (one.holds(latest_start) and other.holds(latest_start))


def test_a_membership_begins_once_at_a_time_and_ends_once() -> None:
    begun, events = relations.ask_membership(MEMBERSHIP, COMPANY, CLUSTER, (), BOTH)
    with pytest.raises(Conflict):
        relations.ask_membership(replace(MEMBERSHIP, id="m2"), COMPANY, CLUSTER, [begun], BOTH)
    ended, more = relations.end_membership(begun, DAY)
    with pytest.raises(IllegalTransition):
        relations.end_membership(ended, DAY)

    assert [event.TYPE for event in [*events, *more]] == ["membership.started.v1", "membership.ended.v1"]


@pytest.mark.parametrize("side", ["group", "organisation"])
def test_a_membership_starts_when_the_other_side_accepts(side: str) -> None:
    (other,) = BOTH - {side}
    asked, events = relations.ask_membership(MEMBERSHIP, COMPANY, CLUSTER, (), {side})
    with pytest.raises(Forbidden):
        relations.accept_membership(asked, {side})
    started, more = relations.accept_membership(asked, {other})
    with pytest.raises(IllegalTransition):
        relations.accept_membership(started, {other})
    with pytest.raises(IllegalTransition):
        relations.decline_membership(started, DAY)

    assert (asked.asked_by, asked.counts(DAY), started.counts(DAY)) == (side, False, True)
    assert [event.TYPE for event in [*events, *more]] == ["membership.asked.v1", "membership.started.v1"]


def test_a_declined_membership_never_counts_and_may_be_asked_for_again() -> None:
    asked, _ = relations.ask_membership(MEMBERSHIP, COMPANY, CLUSTER, (), {"group"})
    with pytest.raises(Conflict):
        relations.ask_membership(MEMBERSHIP, COMPANY, CLUSTER, [asked], {"group"})
    with pytest.raises(IllegalTransition):
        relations.end_membership(asked, DAY)
    declined, events = relations.decline_membership(asked, DAY)
    with pytest.raises(IllegalTransition):
        relations.accept_membership(declined, {"organisation"})

    assert not declined.counts(DAY)
    assert [event.TYPE for event in events] == ["membership.ended.v1"]
    assert relations.ask_membership(MEMBERSHIP, COMPANY, CLUSTER, [declined], BOTH)[0].counts(DAY)


def test_a_grant_is_given_once_and_withdrawn_once() -> None:
    given, events = grant.give(GRANT, COMPANY, ())
    with pytest.raises(Conflict):
        grant.give(replace(GRANT, id="g2"), COMPANY, [given])
    withdrawn, more = grant.withdraw(given, "s1", NOW)
    with pytest.raises(IllegalTransition):
        grant.withdraw(withdrawn, "s1", NOW)

    assert grant.give(replace(GRANT, id="g2"), COMPANY, [withdrawn])[0].status == "given"
    assert grant.give(replace(GRANT, id="g3", purpose="provide"), COMPANY, [given])[0].status == "given"
    assert [event.TYPE for event in [*events, *more]] == ["awarding.granted.v1", "awarding.withdrawn.v1"]


def test_a_grant_is_for_an_organisation_or_a_course_and_of_somebody_active() -> None:
    with pytest.raises(Invalid) as both:
        grant.give(replace(GRANT, course_id="k1"), COMPANY, ())
    with pytest.raises(Invalid) as neither:
        grant.give(replace(GRANT, grantee_id=None), replace(COMPANY, status="suspended"), ())

    assert codes(both) == [("grantee_id", "ONE_OF_TWO")]
    assert codes(neither) == [("grantee_id", "ONE_OF_TWO"), ("organisation_id", "ORGANISATION_SUSPENDED")]


@pytest.mark.parametrize(
    ("member", "group", "code"),
    [
        (COMPANY, COMPANY, "NOT_A_GROUP"),
        (COMPANY, PARTNERSHIP, "MEMBER_NOT_CLUSTER"),
        (PARTNERSHIP, CLUSTER, "MEMBER_IS_GROUP"),
    ],
)
def test_who_cannot_belong_to_whom(member: Organisation, group: Organisation, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        relations.ask_membership(replace(MEMBERSHIP, valid_until=DAY - timedelta(1)), member, group, (), BOTH)

    assert [found for _, found in codes(refused)] == ["DATE_ORDER", code]


def test_an_employment_begins_once_at_a_time_and_ends_once() -> None:
    begun, events = relations.start_employment(JOB, PERSON, True, ())
    with pytest.raises(Conflict):
        relations.start_employment(replace(JOB, id="e2"), PERSON, True, [begun])
    with pytest.raises(Invalid):
        relations.start_employment(JOB, PERSON, False, ())
    with pytest.raises(IllegalTransition):
        relations.start_employment(JOB, replace(PERSON, status="erased"), True, ())
    with pytest.raises(Invalid):
        relations.end_employment(begun, DAY - timedelta(1))
    ended, more = relations.end_employment(begun, DAY)

    assert ended.holds(DAY)
    assert not ended.holds(DAY + timedelta(1))
    assert [event.TYPE for event in [*events, *more]] == ["employment.started.v1", "employment.ended.v1"]


def test_consent_is_given_withdrawn_and_given_anew() -> None:
    held, given_events = relations.give_consent(CONSENT, PERSON, ())
    with pytest.raises(Conflict):
        relations.give_consent(replace(CONSENT, id="k2"), PERSON, [held])
    with pytest.raises(IllegalTransition):
        relations.give_consent(CONSENT, replace(PERSON, status="erased"), ())
    withdrawn, withdrawn_events = relations.withdraw_consent(held, "s1", NOW)
    with pytest.raises(IllegalTransition):
        relations.withdraw_consent(withdrawn, "s1", NOW)

    assert relations.give_consent(replace(CONSENT, id="k2"), PERSON, [withdrawn])[0].id == "k2"
    assert [e.TYPE for e in [*given_events, *withdrawn_events]] == ["consent.given.v1", "consent.withdrawn.v1"]


def test_an_old_version_is_stale() -> None:
    require_version(COMPANY, None)
    require_version(COMPANY, 0)
    with pytest.raises(Stale):
        require_version(COMPANY, 1)


# -- access


def actor(reach: access.Reach, **facts: Any) -> Actor:
    return Actor(reach=reach, subject="s", **{"cluster_id": "c1", **facts})


@pytest.mark.parametrize(
    ("scopes", "roles", "program", "reach"),
    [
        ({"operations"}, set(), True, "platform"),
        ({"enrolment:read"}, {"manager"}, False, "self"),
        ({"directory:read"}, set(), True, "cluster"),
        ({"directory:write"}, {"hr", "manager"}, False, "cluster"),
        ({"directory:read"}, {"hr"}, False, "employer"),
        ({"directory:read"}, {"trainer"}, False, "self"),
    ],
)
def test_reach_comes_from_scopes_and_roles(
    scopes: set[str], roles: set[str], program: bool, reach: access.Reach
) -> None:
    assert access.reach_of(scopes, roles, program=program) == reach


def test_who_writes_organisations() -> None:
    assert access.may_register(actor("platform", cluster_id=None), PARTNERSHIP)
    assert not access.may_register(actor("cluster"), PARTNERSHIP)
    assert access.may_register(actor("cluster"), COMPANY)
    assert not access.may_register(actor("cluster", cluster_id="c2"), COMPANY)
    assert not access.may_change_organisation(actor("employer", organisation_ids=frozenset({"o1"})), COMPANY)
    assert not access.may_change_organisation(actor("cluster", cluster_id=None), PARTNERSHIP)


def test_who_sees_a_person() -> None:
    hr = actor("employer", organisation_ids=frozenset({"o1"}))

    assert access.sees_person(actor("self", person_id="w1"), PERSON, ())
    assert access.sees_person(hr, PERSON, {"o1"})
    assert not access.sees_person(hr, PERSON, {"o2"})
    assert access.sees_person(replace(hr, cluster_id="c2"), PERSON, {"o1"})  # a company of a partner's cluster
    assert not access.may_change_person(replace(hr, cluster_id="c2"), PERSON)
    assert access.sees_person(actor("cluster"), PERSON, ())
    assert not access.sees_person(actor("self"), PERSON, ())


def test_who_sees_and_changes_relations() -> None:
    hr = actor("employer", organisation_ids=frozenset({"o1"}))

    assert access.sees_membership(hr, MEMBERSHIP)
    assert access.sees_membership(actor("cluster"), MEMBERSHIP)
    assert not access.sees_membership(actor("cluster", cluster_id="c2"), MEMBERSHIP)
    assert not access.sees_membership(actor("self"), MEMBERSHIP)
    assert access.sees_membership(actor("cluster", cluster_id="c2"), replace(MEMBERSHIP, home_id="c2"))
    assert access.sees_employment(actor("self", person_id="w1"), JOB)
    assert access.may_change_employment(hr, JOB)
    assert not access.may_change_employment(actor("self", person_id="w1"), JOB)
    assert access.sees_consent(hr, CONSENT)
    assert not access.sees_consent(replace(hr, organisation_ids=frozenset()), CONSENT)
    assert access.sees_consent(actor("self", person_id="w1"), CONSENT)


def test_who_speaks_for_which_side_of_a_membership() -> None:
    foreign = replace(MEMBERSHIP, home_id="c2")
    hr = actor("employer", cluster_id="c2", organisation_ids=frozenset({"o1"}))

    assert access.sides_of(actor("cluster"), foreign) == {"group"}
    assert (
        access.sides_of(actor("cluster", cluster_id="c2"), foreign) == access.sides_of(hr, foreign) == {"organisation"}
    )
    assert access.sides_of(actor("cluster"), replace(foreign, home_id="c1")) == BOTH
    assert access.sides_of(actor("platform", cluster_id=None), foreign) == BOTH
    assert access.sides_of(actor("cluster"), replace(foreign, group_id="p1")) == frozenset()
    assert access.sides_of(actor("self", organisation_ids=frozenset({"o1"})), foreign) == frozenset()


def test_who_lends_a_seal_and_who_sees_that() -> None:
    people = actor("employer", cluster_id="c9", organisation_ids=frozenset({"o1"}))
    grantee = actor("employer", cluster_id="c2", organisation_ids=frozenset({"o2"}))

    assert access.may_change_grant(actor("cluster"), GRANT)
    assert access.may_change_grant(people, GRANT)
    assert not access.may_change_grant(replace(people, reach="self"), GRANT)
    assert not access.may_change_grant(actor("cluster", cluster_id="c2"), GRANT)
    assert not access.may_change_grant(actor("employer"), GRANT)
    assert access.sees_grant(actor("cluster", cluster_id="c2"), GRANT)
    assert access.sees_grant(grantee, GRANT)
    assert not access.may_change_grant(grantee, GRANT)
    assert not access.sees_grant(actor("cluster", cluster_id="c3"), GRANT)


def test_an_employer_has_no_voice_in_consent() -> None:
    access.require_voice(actor("cluster"), PERSON)
    access.require_voice(actor("self", person_id="w1"), PERSON)
    with pytest.raises(Forbidden):
        access.require_voice(actor("employer", organisation_ids=frozenset({"o1"})), PERSON)
