"""The journey on the whole stack: every part is the real one, every step is promised to the user."""

import pytest

from clusterskills.demo import walk
from clusterskills.demo.cast import Cast
from clusterskills.demo.seeding import seed_courses, seed_organisations, seed_people
from tests.stack import Stack


@pytest.mark.timeout(300)
def test_a_course_goes_from_draft_to_a_certificate_that_an_outsider_verifies(stack: Stack) -> None:
    cast = Cast(stack.facts)
    lines: list[str] = []

    seed_organisations(cast)
    seed_people(cast)
    good = walk(cast, lines.append)
    cast.close()

    assert good, "\n".join(lines)


@pytest.mark.timeout(300)
def test_seeding_twice_changes_nothing(stack: Stack) -> None:
    cast = Cast(stack.facts)
    seed_organisations(cast)
    first = seed_courses(cast)
    versions = {c["id"]: c["version"] for c in cast.outsider.all("/v1/courses")}

    seed_organisations(cast)
    second = seed_courses(cast)

    assert first == second
    assert {c["id"]: c["version"] for c in cast.outsider.all("/v1/courses")} == versions
    cast.close()
