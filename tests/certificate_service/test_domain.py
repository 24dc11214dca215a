"""The rules of certificates, without anything around them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.certificate_service import domain
from services.certificate_service.domain import (
    Award,
    Course,
    Holder,
    Organisation,
    StatusBit,
)
from shared.errors import IllegalTransition
from shared.people.person import Employment, Person
from shared.schemas.certificate import CertificateRevoked
from shared.schemas.event import Event

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=3)
FIRST, SECOND = StatusBit(list_id="school-1", number=7), StatusBit(list_id="school-1", number=99)
AWARD = Award(
    enrolment_id="e1",
    person_id="p1",
    course_id="c1",
    course_version=2,
    cluster_id="home",
    employer_id="employer",
    score=87.0,
    awarded_at=NOW - timedelta(hours=1),
)
COURSE = Course(
    id="c1",
    version=2,
    cluster_id="host",
    provider_id="school",
    awarding_body_id="school",
    default_language="de",
    titles={"de": "Löten", "en": "Soldering"},
    descriptions={},
    outcomes=[],
    workload_hours=8,
    eqf_level=None,
    ects=None,
    mode="Online",
    assessment_type="quiz",
    quality_assurance_type="ISO 21001",
    certificate_validity_months=12,
)
SCHOOL = Organisation(id="school", legal_name="Schule", country="DE")
ISSUED, ISSUE_EVENTS = domain.issue("id-1", AWARD, COURSE, SCHOOL, FIRST, seen=True, now=NOW)


def _types(happened: list[Event]) -> list[str]:
    return [event.TYPE for event in happened]


def test_a_certificate_is_a_snapshot_of_what_was_awarded() -> None:
    assert ISSUED.course_title == "Löten"
    assert ISSUED.awarding_body == "Schule"
    assert ISSUED.awarding_cluster_id == "host"
    assert ISSUED.awarded_at == AWARD.awarded_at
    assert ISSUED.valid_until == datetime(2027, 11, 20, 8, 0, tzinfo=UTC)
    assert ISSUED.employer_sees
    assert ISSUED.employer_saw
    assert _types(ISSUE_EVENTS) == ["certificate.issued.v1"]


def test_suspended_and_back() -> None:
    suspended, first = domain.suspend(ISSUED, "m", LATER)
    again, second = domain.reinstate(suspended, "m", LATER)

    assert domain.standing(suspended, LATER) == "suspended"
    assert domain.standing(again, LATER) == "valid"
    assert _types([*first, *second]) == ["certificate.suspended.v1", "certificate.reinstated.v1"]
    assert [step.status for step in again.history] == ["issued", "suspended", "issued"]


@pytest.mark.parametrize("from_suspended", [True, False])
def test_revoked_is_final(from_suspended: bool) -> None:
    before = domain.suspend(ISSUED, "m", NOW)[0] if from_suspended else ISSUED
    revoked, happened = domain.revoke(before, domain.BY_PERSON, "m", LATER)

    assert _types(happened) == ["certificate.revoked.v1"]
    assert causes(happened) == ["awarding_body"]
    assert domain.standing(revoked, LATER) == "revoked"
    for change in (domain.suspend, domain.reinstate):
        with pytest.raises(IllegalTransition):
            change(revoked, "m", LATER)
    with pytest.raises(IllegalTransition):
        domain.revoke(revoked, domain.BY_PERSON, "m", LATER)
    with pytest.raises(IllegalTransition):
        domain.reissue(revoked, SECOND, "m", LATER)


def test_what_is_not_suspended_cannot_be_reinstated() -> None:
    with pytest.raises(IllegalTransition) as refused:
        domain.reinstate(ISSUED, "m", LATER)
    assert refused.value.violations[0].required == ["reissued", "revoked", "suspended"]


def test_a_reissue_keeps_id_and_award_and_leaves_the_old_place() -> None:
    renewed, happened = domain.reissue(ISSUED, SECOND, "m", LATER)

    assert (renewed.id, renewed.awarded_at, renewed.issued_at) == (ISSUED.id, ISSUED.awarded_at, ISSUED.issued_at)
    assert renewed.valid_from == LATER
    assert (renewed.place, renewed.past_places) == (SECOND, [FIRST])
    assert renewed.status == "issued"
    assert _types(happened) == ["certificate.superseded.v1"]


def test_a_suspended_or_anonymous_certificate_is_not_reissued() -> None:
    with pytest.raises(IllegalTransition):
        domain.reissue(domain.suspend(ISSUED, "m", NOW)[0], SECOND, "m", LATER)
    with pytest.raises(IllegalTransition):
        domain.reissue(domain.erase(ISSUED), SECOND, "m", LATER)


def test_a_corrected_score_supersedes() -> None:
    assert not domain.needs_correction(ISSUED, 87.0)
    assert domain.needs_correction(ISSUED, 60.0)
    renewed, happened = domain.correct(ISSUED, SECOND, 60.0, LATER)

    assert (renewed.score, renewed.status, renewed.past_places) == (60.0, "issued", [FIRST])
    assert _types(happened) == ["certificate.superseded.v1"]


def test_a_suspended_one_stays_suspended_when_its_score_is_corrected() -> None:
    suspended = domain.suspend(ISSUED, "m", NOW)[0]
    assert domain.correct(suspended, SECOND, 60.0, LATER)[0].status == "suspended"


def test_what_a_correction_took_a_correction_gives_back() -> None:
    failed, taken = domain.fail(ISSUED, NOW)
    assert domain.needs_correction(failed, 87.0)
    renewed, given = domain.correct(failed, SECOND, 87.0, LATER)

    assert causes(taken) == ["result_corrected"]
    assert renewed.status == "issued"
    assert renewed.revoked_for is None
    assert _types([*taken, *given]) == [
        "certificate.revoked.v1",
        "certificate.superseded.v1",
        "certificate.reinstated.v1",
    ]


def test_a_failed_correction_of_a_revoked_one_is_no_news() -> None:
    revoked = domain.revoke(ISSUED, domain.BY_PERSON, "m", NOW)[0]

    assert domain.fail(revoked, LATER) == (revoked, [])
    assert not domain.needs_correction(revoked, 60.0)


def test_expiry_is_computed() -> None:
    assert ISSUED.valid_until is not None
    assert domain.standing(ISSUED, ISSUED.valid_until - timedelta(seconds=1)) == "valid"
    assert domain.standing(ISSUED, ISSUED.valid_until) == "expired"
    assert domain.standing(replace(ISSUED, valid_until=None), NOW + timedelta(days=9999)) == "valid"


@pytest.mark.parametrize(
    ("awarded", "months", "until"),
    [
        ((2026, 1, 31), 1, (2026, 2, 28)),
        ((2024, 2, 29), 12, (2025, 2, 28)),
        ((2026, 11, 20), 14, (2028, 1, 20)),
        ((2026, 12, 31), 24, (2028, 12, 31)),
    ],
)
def test_validity_ends_on_the_same_day_or_the_last_of_the_month(
    awarded: tuple[int, int, int], months: int, until: tuple[int, int, int]
) -> None:
    assert domain.valid_until(datetime(*awarded, tzinfo=UTC), months) == datetime(*until, tzinfo=UTC)


def test_a_certificate_without_validity_never_expires() -> None:
    assert domain.valid_until(NOW, None) is None


@given(st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1)), st.integers(1, 600))  # noqa: DTZ001
def test_validity_grows_by_about_as_many_months(awarded: datetime, months: int) -> None:
    until = domain.valid_until(awarded.replace(tzinfo=UTC), months)

    assert until is not None
    assert (until.year - awarded.year) * 12 + until.month - awarded.month == months
    assert until.day <= awarded.day


def test_erasure_forgets_the_person_and_revokes_nothing() -> None:
    erased = domain.erase(ISSUED)

    assert erased.person_id is None
    assert erased.score is None
    assert not erased.employer_sees
    assert domain.standing(erased, NOW) == "valid"
    _, happened = domain.revoke(erased, domain.BY_PERSON, "m", LATER)
    assert happened[0].person_id == "erased"  # type: ignore[attr-defined]
    assert not domain.needs_correction(erased, 1.0)


def test_who_saw_it_once_is_remembered() -> None:
    hidden = domain.show_to_employer(ISSUED, False)

    assert not hidden.employer_sees
    assert hidden.employer_saw
    assert not domain.show_to_employer(replace(ISSUED, employer_saw=False), False).employer_saw


def test_the_employer_sees_while_employed_and_consented() -> None:
    job = Employment(organisation_id="o", valid_from=date(2026, 1, 1), valid_until=date(2026, 6, 30))
    person = Person(id="p", employments={"j": job}, consents={"c": "o"})

    assert person.shows_results_to("o", date(2026, 6, 30))
    assert not person.shows_results_to("o", date(2026, 7, 1))
    assert not person.shows_results_to("o", date(2025, 12, 31))
    assert not person.shows_results_to("another", date(2026, 6, 30))
    assert not person.shows_results_to(None, date(2026, 6, 30))
    assert not replace(person, consents={}).shows_results_to("o", date(2026, 6, 30))
    open_job = replace(job, valid_until=None)
    assert replace(person, employments={"j": open_job}).shows_results_to("o", date(2100, 1, 1))


def test_holders_merge_and_are_erased() -> None:
    loser = Holder(person_id="l", keys={"k1": b"1"}, certificates=["b"])
    winner = Holder(person_id="w", keys={"k2": b"2"}, certificates=["c", "a"])
    gone, kept = domain.merge_holders(loser, winner)

    assert (gone.keys, gone.certificates, gone.merged_into) == ({}, [], "w")
    assert (kept.key_id, kept.certificates) == ("k2", ["a", "b", "c"])
    assert set(kept.keys) == {"k1", "k2"}
    assert domain.erase_holder(kept) == Holder(person_id="w", erased=True)
    assert domain.hand_over(ISSUED, "w").person_id == "w"


def test_a_text_in_the_language_or_in_any() -> None:
    assert domain.in_language({"de": "a", "en": "b"}, "en") == "b"
    assert domain.in_language({"de": "a"}, "fr") == "a"
    assert domain.in_language({}, "fr") == ""


def causes(happened: Sequence[Event]) -> list[str | None]:
    return [event.cause for event in happened if isinstance(event, CertificateRevoked)]
