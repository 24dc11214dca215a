"""The attack on a foreign seal, played on the whole stack: refused at each step, seen and undone by whose seal it is."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from clusterskills import seed
from clusterskills.client import Api, ApiError
from clusterskills.demo.cast import Cast
from clusterskills.demo.journey import Journey
from clusterskills.demo.seeding import course_body, seed_organisations, seed_people, when_known
from deploy.identity import ids
from deploy.local.processes import wait_until
from shared.bus.tail import Witness
from shared.schemas.registry import topics
from tests.stack import Stack

THIEF, OWNER, ACADEMY = "caar-aragon", "wfr-heilbronn", "musterakademie-heilbronn"
SEAL = ids.organisation_id(ACADEMY)


@pytest.fixture(scope="module")
def cast(stack: Stack) -> Iterator[Cast]:
    cast = Cast(stack.facts)
    seed_organisations(cast)
    seed_people(cast)
    yield cast
    cast.close()


@pytest.fixture(scope="module")
def course() -> seed.Course:
    """A course of the thief's own provider."""
    own = {one.slug for one in seed.organisations() if one.cluster == THIEF}
    return next(one for one in seed.courses() if one.provider in own and not one.prerequisites)


def refusal(act: Callable[[], Any]) -> list[tuple[str, str]]:
    """Field and code of each violation."""
    with pytest.raises(ApiError) as refused:
        act()
    assert refused.value.status == 422, refused.value
    return [(violation["field"], violation["code"]) for violation in refused.value.problem["violations"]]


def refused_post(who: Api, path: str, body: Any) -> list[tuple[str, str]]:
    return refusal(lambda: who.post(path, body))


@pytest.mark.timeout(300)
def test_nobody_publishes_under_a_foreign_seal(cast: Cast, course: seed.Course) -> None:
    trainer, manager = cast.person("trainer", THIEF), cast.person("manager", THIEF)
    content = course_body(course, {})
    when_known(lambda: trainer.post("/v1/courses", content))

    for foreign in (SEAL, ids.cluster_id(OWNER)):
        body = content | {"awarding_body_id": foreign}
        assert refused_post(trainer, "/v1/courses", body) == [("awarding_body_id", "NOT_GRANTED")]
    body = content | {"awarding_body_id": SEAL, "provider_id": SEAL}
    assert refused_post(trainer, "/v1/courses", body) == [
        ("provider_id", "NOT_GRANTED"),
        ("awarding_body_id", "NOT_GRANTED"),
    ]
    typo = content | {"awarding_body_id": str(uuid.uuid4())}
    assert refused_post(trainer, "/v1/courses", typo) == [("awarding_body_id", "UNKNOWN_ORGANISATION")]
    draft = trainer.post("/v1/courses", {k: v for k, v in content.items() if k != "awarding_body_id"})
    path = f"/v1/courses/{draft.body['id']}"
    assert refusal(lambda: trainer.patch(path, {"awarding_body_id": SEAL}, if_match=draft.etag or "")) == [
        ("awarding_body_id", "NOT_GRANTED")
    ]
    grant = {"organisation_id": SEAL, "grantee_id": ids.cluster_id(THIEF)}
    for who in (manager, cast.person("hr", THIEF), cast.program(f"partner-{THIEF}")):
        assert refused_post(who, "/v1/awarding-grants", grant) == [("organisation_id", "UNKNOWN_REFERENCE")]


@pytest.mark.timeout(300)
def test_a_seal_that_was_lent_and_taken_back_stays_its_owners(cast: Cast, course: seed.Course) -> None:
    owner, manager = cast.person("manager", OWNER), cast.person("manager", THIEF)
    witness = Witness(cast.kafka(), topics())
    witness.start()
    try:
        journey = Journey(cast, witness, replace(course, awarding_body=ACADEMY), lambda _step: None, cluster=THIEF)
        lent = lend(owner, course)
        journey.publish()
        journey.open()
        owner.post(f"/v1/awarding-grants/{lent}/withdraw")
        witness.wait_for("awarding.withdrawn.v1", lent)
        graduates = set(journey.teach())
    finally:
        witness.close()

    assert wait_until(lambda: all(graduates <= withheld(who).keys() for who in (owner, manager)), 60)
    for who in (owner, manager):
        assert {withheld(who)[enrolment] for enrolment in graduates} == {"NOT_GRANTED"}
    assert not graduates & certificates(owner).keys()

    again = lend(owner, course)
    assert wait_until(lambda: graduates <= certificates(owner).keys(), 60)
    give_back(cast, owner, again, course)
    assert not graduates & withheld(owner).keys()
    revoked = certificates(owner)[min(graduates)]
    assert (revoked["awarding_body_id"], revoked["status"]) == (SEAL, "valid")
    owner.post(f"/v1/certificates/{revoked['id']}/revoke", {"reason": "not ours"})
    url = revoked["links"]["credential"]
    verdict = cast.outsider.post("/v1/verifications", {"url": url}).body
    assert [check["name"] for check in verdict["checks"] if check["ok"] is False] == ["revocation"]


def lend(owner: Api, course: seed.Course) -> str:
    """The owner's cluster lends the academy's seal to the provider of the other cluster."""
    body = {"organisation_id": SEAL, "grantee_id": ids.organisation_id(course.provider)}
    found: str = owner.post("/v1/awarding-grants", body).body["id"]
    return found


def give_back(cast: Cast, owner: Api, grant: str, course: seed.Course) -> None:
    """End the grant and wait until the catalogue knows: other tests on this stack find it as it was."""
    owner.post(f"/v1/awarding-grants/{grant}/withdraw")
    trainer = cast.person("trainer", THIEF)

    def known() -> bool:
        body = course_body(course, {}) | {"awarding_body_id": SEAL, "external_id": str(uuid.uuid4())}
        try:
            trainer.post("/v1/courses", body)
        except ApiError:
            return True
        return False

    assert wait_until(known, 60)


def withheld(who: Api) -> dict[str, str]:
    """What this caller sees held back: enrolment -> reason."""
    return {row["enrolment_id"]: row["reason"] for row in who.all("/v1/certificates/withheld")}


def certificates(who: Api) -> dict[str, Any]:
    """What this caller sees issued, by enrolment."""
    return {row["enrolment_id"]: row for row in who.all("/v1/certificates")}
