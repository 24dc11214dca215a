"""The catalogue's rules, without any engine."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from clusterskills.seed import Course as SeedCourse
from clusterskills.seed import courses as seed_courses
from services.catalog_service.domain import course, session
from services.catalog_service.domain.actor import Actor
from services.catalog_service.domain.content import Content, Outcome, malformed, missing
from services.catalog_service.domain.course import Course
from services.catalog_service.domain.languages import well_formed
from services.catalog_service.domain.session import ARROWS, Session, Terms
from shared.errors import Conflict, Forbidden, IllegalTransition, Invalid, ServiceError, Stale
from shared.schemas.catalog import SessionChanged
from shared.schemas.event import Event
from shared.versioned import require_version

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
AUTHOR, REVIEWER = Actor(id="author", cluster_id="c1"), Actor(id="reviewer", cluster_id="c1")
CONTENT = Content(
    titles={"de": "Schweißen"},
    default_language="de",
    provider_id="p1",
    awarding_body_id="p1",
    outcomes=(Outcome(title={"de": "Schweißen können"}, type="skill"),),
    workload_hours=8,
    mode="Online",
    assessment_type="portfolio",
    quality_assurance_type="peer_review",
)
DRAFT = Course(id="k1", cluster_id="c1", provider_id="p1", draft=CONTENT, draft_status="draft")
TERMS = Terms(
    starts_at=NOW + timedelta(days=10),
    ends_at=NOW + timedelta(days=11),
    application_deadline=NOW + timedelta(days=5),
    timezone="Europe/Berlin",
    language="de",
    mode="Online",
    capacity=10,
)
PLANNED = Session(id="s1", course_id="k1", course_version=1, cluster_id="c1", provider_id="p1", terms=TERMS)


def published(number: int = 1) -> Course:
    reviewed = replace(DRAFT, draft_status="in_review", authors=("author",), published_version=number - 1)
    return course.publish(reviewed, REVIEWER, NOW)[0]


def codes(violations: Any) -> list[tuple[str, str]]:
    return [(violation.field, violation.code) for violation in violations]


# -- languages


@pytest.mark.parametrize(
    "tag", ["de", "sr-Latn", "pt-BR", "zh-cmn-Hans-CN", "de-CH-1996", "es-419", "de-u-co-phonebk", "en-x-own"]
)
def test_tags_of_bcp_47_are_known(tag: str) -> None:
    assert well_formed(tag)


@pytest.mark.parametrize("tag", ["", "d", "german", "de_DE", "de-", "de--CH", "x-own", "de\n", "дe", "a" * 40])
def test_anything_else_is_no_tag(tag: str) -> None:
    assert not well_formed(tag)


@given(some.from_regex(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?", fullmatch=True))
def test_language_script_and_region_make_a_tag(tag: str) -> None:
    assert well_formed(tag)


# -- content


def seed_content(seed: SeedCourse) -> Content:
    outcomes = tuple(
        Outcome(
            title=outcome.title,
            type=outcome.type,
            esco_uri=outcome.esco_uri,
            esco_title=outcome.esco_label,
            digcomp_code=outcome.digcomp,
            greencomp_code=outcome.greencomp,
            reuse_level=outcome.reuse_level,
        )
        for outcome in seed.learning_outcomes
    )
    return Content(
        type=seed.type,
        titles=seed.title,
        descriptions=seed.description,
        default_language=seed.default_language,
        provider_id=seed.provider,
        awarding_body_id=seed.awarding_body,
        isced_f=seed.isced_f or "9999",
        outcomes=outcomes,
        workload_hours=seed.workload_hours,
        eqf_level=seed.eqf_level,
        ects=seed.ects,
        mode=seed.mode,
        assessment_type=seed.assessment_type,
        quality_assurance_type=seed.quality_assurance_type,
    )


@pytest.mark.parametrize("seed", seed_courses(), ids=lambda seed: seed.external_id)
def test_every_course_of_the_seed_is_a_complete_microcredential(seed: SeedCourse) -> None:
    content = seed_content(seed)

    assert [*missing(content), *malformed(content)] == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"default_language": "x"}, [("default_language", "LANGUAGE_UNKNOWN"), ("titles", "REQUIRED")]),
        ({"workload_hours": 0}, [("workload_hours", "OUT_OF_RANGE")]),
        ({"ects": -1}, [("ects", "OUT_OF_RANGE")]),
        ({"eqf_level": 0}, [("eqf_level", "OUT_OF_RANGE")]),
        ({"certificate_validity_months": 0}, [("certificate_validity_months", "OUT_OF_RANGE")]),
        ({"outcomes": (Outcome(title={}, type="skill"),)}, [("outcomes.0.title", "REQUIRED")]),
        ({"outcomes": (Outcome(title={"de": ""}, type="skill"),)}, [("outcomes.0.title.de", "BLANK")]),
    ],
)
def test_what_cannot_be_right_is_named(change: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert codes(malformed(replace(CONTENT, **change))) == expected


@given(some.lists(some.tuples(some.booleans(), some.booleans())))
def test_the_skill_category_follows_the_frameworks(named: list[tuple[bool, bool]]) -> None:
    outcomes = tuple(
        Outcome(title={"de": "x"}, type="skill", digcomp_code="1.1" if d else None, greencomp_code="1.1" if g else None)
        for d, g in named
    )
    digital, green = any(d for d, _ in named), any(g for _, g in named)
    category = replace(CONTENT, outcomes=outcomes).skill_category

    assert (category in {"digital", "both"}) == digital
    assert (category in {"green", "both"}) == green
    assert replace(CONTENT, outcomes=outcomes, stated_skill_category="other").skill_category == "other"


# -- courses


def test_a_course_without_content_cannot_be() -> None:
    with pytest.raises(ValueError, match="k1"):
        _ = replace(DRAFT, draft=None).shown


def test_publishing_counts_versions_and_keeps_each() -> None:
    first = published()
    revision = course.revise(first, AUTHOR)
    submitted, _ = course.submit(revision, AUTHOR, ())
    second, version, events = course.publish(submitted, REVIEWER, NOW)

    assert (first.published_version, second.published_version, version.id) == (1, 2, "k1/2")
    assert [event.TYPE for event in events] == ["course.revised.v1"]
    assert second.authors == ()


def test_authors_of_any_part_may_not_review() -> None:
    mine = course.write(DRAFT, AUTHOR)
    ours = course.rewrite(mine, {"eqf_level": 4}, REVIEWER)
    submitted, _ = course.submit(course.rewrite(ours, {"eqf_level": 5}, AUTHOR), AUTHOR, ())

    assert ours.authors == ("author", "reviewer")
    for decide in (
        lambda: course.publish(submitted, REVIEWER, NOW),
        lambda: course.send_back(submitted, AUTHOR, ["x"]),
    ):
        with pytest.raises(Forbidden):
            decide()


def test_a_course_is_not_its_own_prerequisite() -> None:
    with pytest.raises(Invalid) as refused:
        course.submit(replace(DRAFT, draft=replace(CONTENT, prerequisites=("k1", "k9"))), AUTHOR, ["k9"])

    assert codes(refused.value.violations) == [
        ("prerequisites", "PREREQUISITE_UNKNOWN"),
        ("prerequisites", "PREREQUISITE_SELF"),
    ]


def test_retiring_gives_up_a_revision() -> None:
    retired, events = course.retire(course.revise(published(), AUTHOR))

    assert (retired.status, retired.draft, retired.content) == ("retired", None, CONTENT)
    assert events[0].course_version == 1  # type: ignore[attr-defined]
    with pytest.raises(Conflict):
        course.require_published(retired)


@pytest.mark.parametrize(
    ("start", "decide", "allowed"),
    [
        (DRAFT, lambda c: course.publish(c, REVIEWER, NOW), ["submitted"]),
        (DRAFT, lambda c: course.retire(c), ["submitted"]),
        (replace(DRAFT, draft_status="in_review"), lambda c: course.submit(c, AUTHOR, ()), ["published", "returned"]),
        (published(), lambda c: course.submit(c, AUTHOR, ()), ["retired", "revised"]),
        (course.revise(published(), AUTHOR), lambda c: course.revise(c, AUTHOR), ["retired", "submitted"]),
        (course.retire(published())[0], lambda c: course.revise(c, AUTHOR), []),
    ],
)
def test_an_illegal_step_names_the_legal_ones(start: Course, decide: Any, allowed: list[str]) -> None:
    with pytest.raises(IllegalTransition) as refused:
        decide(start)

    assert refused.value.violations[0].required == allowed


STEPS: dict[str, Any] = {
    "rewrite": lambda c: course.rewrite(c, {"eqf_level": (c.shown.eqf_level or 0) % 8 + 1}, AUTHOR),
    "submit": lambda c: course.submit(c, AUTHOR, ())[0],
    "return": lambda c: course.send_back(c, REVIEWER, ["x"])[0],
    "publish": lambda c: course.publish(c, REVIEWER, NOW)[0],
    "revise": lambda c: course.revise(c, AUTHOR),
    "retire": lambda c: course.retire(c)[0],
}


@given(some.lists(some.sampled_from(sorted(STEPS)), max_size=30))
def test_whatever_is_tried_a_course_stays_sound(steps: list[str]) -> None:
    now = course.write(DRAFT, AUTHOR)
    for step in steps:
        before = now
        try:
            now = STEPS[step](now)
        except IllegalTransition:
            continue
        assert now.published_version - before.published_version == (step == "publish")
        assert (now.draft is None) == (now.draft_status is None)
        assert (now.content is None) == (now.published_version == 0)
        assert before.content is None or now.content == before.content or step == "publish"
        assert not (before.retired and now != before)


# -- sessions


@given(
    some.builds(
        Terms,
        starts_at=some.none() | some.datetimes(timezones=some.just(UTC)),
        ends_at=some.none() | some.datetimes(timezones=some.just(UTC)),
        application_deadline=some.none() | some.datetimes(timezones=some.just(UTC)),
        timezone=some.sampled_from(["Europe/Berlin", "Mars/Olympus"]),
        language=some.sampled_from(["de", "deutsch!"]),
        mode=some.just("Online"),
        capacity=some.integers(-5, 50),
        min_capacity=some.integers(-5, 50),
        waitlist_limit=some.integers(-5, 50),
        minimum_attendance=some.integers(-5, 120),
        quotas=some.dictionaries(some.sampled_from(["c1", "c2"]), some.integers(-5, 50)),
        eligible_clusters=some.sampled_from([(), ("c1",), ("c1", "c2")]),
    )
)
def test_terms_without_violation_are_sound(terms: Terms) -> None:
    if list(session.broken(terms)):
        return
    assert (terms.starts_at is None) == (terms.ends_at is None)
    if terms.starts_at and terms.ends_at:
        assert terms.starts_at < terms.ends_at
        assert terms.closes_at is not None
        assert terms.closes_at <= terms.starts_at
    assert 0 <= terms.min_capacity <= terms.capacity
    assert sum(terms.quotas.values()) <= terms.capacity
    assert terms.timezone == "Europe/Berlin"


def test_a_session_tells_where_it_meets() -> None:
    url = "https://meet.example.org/welding"
    _, happened = session.change(PLANNED, {"place": "Hall 3", "url": url})

    assert [(event.place, event.url) for event in happened if isinstance(event, SessionChanged)] == [("Hall 3", url)]


def test_a_session_needs_both_dates_or_none() -> None:
    assert codes(session.broken(replace(TERMS, ends_at=None))) == [("ends_at", "REQUIRED")]
    assert codes(session.broken(replace(TERMS, starts_at=None))) == [("starts_at", "REQUIRED")]
    assert codes(session.broken(replace(TERMS, starts_at=None, ends_at=None, application_deadline=None))) == []


TRANSITIONS: dict[str, Any] = {
    "open": lambda s: session.open_enrolment(s, published(), NOW, ()),
    "close": session.close_enrolment,
    "start": session.start,
    "cancel": lambda s: session.cancel(s, "reason"),
    "complete": session.complete,
    "close_due": lambda s: session.close_when_due(s, NOW + timedelta(days=6)),
    "change": lambda s: session.change(s, {"place": f"{s.terms.place}."}),
    "reschedule": lambda s: session.reschedule(s, {"ends_at": NOW + timedelta(days=12)}, None, NOW),
}


@given(some.lists(some.sampled_from(sorted(TRANSITIONS)), max_size=20))
def test_whatever_is_tried_a_session_follows_its_arrows(steps: list[str]) -> None:
    now = PLANNED
    told: list[Event] = []
    for step in steps:
        before = now
        try:
            now, events = TRANSITIONS[step](now)
        except ServiceError:
            continue
        told += events
        moved = before.status != now.status
        assert not moved or now.status in ARROWS[before.status] or step == "complete"
        assert bool(events) == (now != before) or step == "reschedule"
    verbs = [event.TYPE for event in told]
    for once in ("opened", "enrolment_closed", "started", "completed", "cancelled"):
        assert verbs.count(f"session.{once}.v1") <= 1
    assert not {"session.completed.v1", "session.cancelled.v1"} <= set(verbs)


def test_a_finished_session_cannot_be_changed_or_moved() -> None:
    over, _ = session.complete(PLANNED)
    with pytest.raises(IllegalTransition):
        session.change(over, {"place": "x"})
    with pytest.raises(IllegalTransition):
        session.reschedule(over, {}, None, NOW)
    with pytest.raises(IllegalTransition):
        session.cancel(over, None)


def test_opening_after_the_deadline_is_refused() -> None:
    with pytest.raises(Invalid) as refused:
        session.open_enrolment(PLANNED, published(), NOW + timedelta(days=5), ())

    assert codes(refused.value.violations) == [("application_deadline", "DEADLINE_PASSED")]


def test_an_open_session_moves_and_sells_no_seats_here() -> None:
    opened, _ = session.open_enrolment(PLANNED, published(), NOW, ())
    for change, code in (({"capacity": 11}, "SEATS_ARE_ENROLMENTS"), ({"timezone": "UTC"}, "RESCHEDULE_INSTEAD")):
        with pytest.raises(Conflict) as refused:
            session.change(opened, change)
        assert refused.value.error_code == code
    assert session.change(opened, {"place": None}) == (opened, [])


def test_confirmation_is_asked_for_between_now_and_the_start() -> None:
    for until in (NOW, NOW + timedelta(days=30)):
        with pytest.raises(Invalid) as refused:
            session.reschedule(PLANNED, {}, until, NOW)
        assert codes(refused.value.violations) == [("reconfirm_until", "DATE_ORDER")]
    moved, _ = session.reschedule(PLANNED, {}, NOW + timedelta(days=1), NOW)
    assert moved.reconfirm_until == NOW + timedelta(days=1)


def test_an_old_version_is_stale() -> None:
    require_version(DRAFT, None)
    with pytest.raises(Stale):
        require_version(DRAFT, 1)
