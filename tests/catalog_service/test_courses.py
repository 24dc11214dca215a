"""Courses over HTTP: written, reviewed, published, revised, retired."""

import uuid
from concurrent.futures import ThreadPoolExecutor

from shared.schemas.catalog import CoursePublished
from shared.schemas.directory import PortalChanged
from tests.catalog_service.office import PROVIDER, Office, course_body, session_body

INCOMPLETE = {"titles": {"de": "Entwurf"}, "default_language": "de", "provider_id": PROVIDER}


def test_a_course_goes_from_draft_through_review_to_everybody(office: Office) -> None:
    cluster_id = office.cluster()
    trainer, reviewer = office.trainer(cluster_id), office.reviewer(cluster_id)
    written = office.call("POST", "/v1/courses", trainer, course_body())
    path = written.headers["Location"]

    assert (written.status, written.body["status"], written.body["draft"]["status"]) == (201, "draft", "draft")
    assert office.call("GET", path).status == 404
    assert office.done(f"{path}/submit", trainer)["status"] == "in_review"
    published = office.done(f"{path}/publish", reviewer)
    assert (published["status"], published["course_version"], published["draft"]) == ("published", 1, None)
    public = office.call("GET", path)
    assert (public.status, public.body["titles"]["en"], public.headers["ETag"]) == (200, "Welding for beginners", '"3"')
    assert office.events(written.body["id"]) == ["submitted", "published"]


def test_the_event_of_publication_holds_the_whole_content(office: Office) -> None:
    cluster_id = office.cluster()
    course_id = office.course(cluster_id, prerequisites=[office.course(cluster_id)], certificate_validity_months=24)
    event = office.told(course_id)

    assert isinstance(event, CoursePublished)
    assert (event.cluster_id, event.provider_id, event.awarding_body_id) == (cluster_id, PROVIDER, PROVIDER)
    assert (event.skill_category, event.course_version, event.certificate_validity_months) == ("digital", 1, 24)
    assert event.outcomes[0].esco_title == "run simulations"
    assert len(event.prerequisites) == 1


def test_a_draft_may_lack_what_a_submission_must_have_and_all_is_named_at_once(office: Office) -> None:
    trainer = office.trainer(office.cluster())
    draft = office.done("/v1/courses", trainer, {**INCOMPLETE, "prerequisites": ["nobody"]})
    answer = office.call("POST", f"/v1/courses/{draft['id']}/submit", trainer)

    assert answer.status == 422
    assert answer.codes == [
        ("awarding_body_id", "REQUIRED"),
        ("outcomes", "REQUIRED"),
        ("workload_hours", "REQUIRED"),
        ("assessment_type", "REQUIRED"),
        ("mode", "REQUIRED"),
        ("quality_assurance_type", "REQUIRED"),
        ("prerequisites", "PREREQUISITE_UNKNOWN"),
    ]
    assert office.events(draft["id"]) == []


def test_what_cannot_be_right_is_refused_in_a_draft_too(office: Office) -> None:
    body = course_body(
        titles={"en": "Welding", "not a tag": "x"},
        eqf_level=9,
        workload_hours=0,
        isced_f="7a",
        descriptions={"de": " "},
    )
    body["outcomes"][0] |= {"digcomp_code": "7.7", "greencomp_code": "5.1", "esco_uri": "http://elsewhere.example"}
    answer = office.call("POST", "/v1/courses", office.trainer(office.cluster()), body)

    assert answer.codes == [
        ("titles.not a tag", "LANGUAGE_UNKNOWN"),
        ("descriptions.de", "BLANK"),
        ("titles", "REQUIRED"),
        ("isced_f", "ISCED_F_UNKNOWN"),
        ("workload_hours", "OUT_OF_RANGE"),
        ("eqf_level", "OUT_OF_RANGE"),
        ("outcomes.0.esco_uri", "ESCO_UNKNOWN"),
        ("outcomes.0.digcomp_code", "DIGCOMP_UNKNOWN"),
        ("outcomes.0.greencomp_code", "GREENCOMP_UNKNOWN"),
    ]


def test_nobody_reviews_what_they_wrote(office: Office) -> None:
    cluster_id = office.cluster()
    manager = office.manager(cluster_id)
    path = f"/v1/courses/{office.draft(cluster_id)}"
    office.call("PATCH", path, manager, {"eqf_level": 5}, If_Match='"1"')
    office.done(f"{path}/submit", office.trainer(cluster_id))

    for step, body in (("publish", None), ("return", {"reasons": ["x"]})):
        refused = office.call("POST", f"{path}/{step}", manager, body)
        assert (refused.status, refused.body["code"]) == (403, "OWN_COURSE")
    assert office.done(f"{path}/publish", office.reviewer(cluster_id))["status"] == "published"


def test_a_returned_course_shows_its_authors_why(office: Office) -> None:
    cluster_id = office.cluster()
    trainer, reviewer = office.trainer(cluster_id), office.reviewer(cluster_id)
    course_id = office.draft(cluster_id)
    path = f"/v1/courses/{course_id}"
    office.done(f"{path}/submit", trainer)
    locked = office.call("PATCH", path, trainer, {"eqf_level": 5}, If_Match='"2"')
    assert (locked.status, locked.body["code"]) == (409, "ILLEGAL_TRANSITION")

    returned = office.done(f"{path}/return", reviewer, {"reasons": ["The workload is too short."]})
    assert returned["draft"]["reasons"] == ["The workload is too short."]
    assert office.call("PATCH", path, trainer, {"workload_hours": 20}, If_Match='"3"').status == 200
    assert office.publish(cluster_id, course_id)["workload_hours"] == 20
    assert office.events(course_id) == ["submitted", "returned", "submitted", "published"]


def test_a_revision_stands_beside_what_is_published_until_it_is_reviewed(office: Office) -> None:
    cluster_id = office.cluster()
    course_id, trainer = office.course(cluster_id), office.trainer(cluster_id)
    path = f"/v1/courses/{course_id}"
    assert office.call("PATCH", path, trainer, {"eqf_level": 6}, If_Match='"3"').body["code"] == "ILLEGAL_TRANSITION"

    office.done(f"{path}/revise", trainer)
    assert office.call("POST", f"{path}/revise", trainer).body["code"] == "ILLEGAL_TRANSITION"
    office.call("PATCH", path, trainer, {"eqf_level": 6}, If_Match='"4"')
    own, public = office.call("GET", path, trainer).body, office.call("GET", path).body
    assert (own["eqf_level"], own["draft"]["eqf_level"], public["eqf_level"], public["draft"]) == (4, 6, 4, None)

    assert office.publish(cluster_id, course_id)["course_version"] == 2
    versions = office.call("GET", f"{path}/versions").body["items"]
    assert [(version["course_version"], version["eqf_level"]) for version in versions] == [(1, 4), (2, 6)]
    assert office.call("GET", f"{path}/versions/1").body["eqf_level"] == 4
    assert office.events(course_id) == ["submitted", "published", "submitted", "revised"]


def test_versions_are_paged_and_unknown_ones_are_not_found(office: Office) -> None:
    cluster_id = office.cluster()
    path = f"/v1/courses/{office.course(cluster_id)}/versions"
    first = office.call("GET", f"{path}?limit=1").body

    assert office.call("GET", f"{path}?limit=1&cursor={first['next']}").body["items"] == []
    assert [office.call("GET", f"{path}/{number}").status for number in ("2", "x", "-1", "٣")] == [404] * 4


def test_a_retired_course_is_still_read_but_no_longer_found(office: Office) -> None:
    cluster_id = office.cluster()
    course_id, trainer = office.course(cluster_id), office.trainer(cluster_id)
    retired = office.done(f"/v1/courses/{course_id}/retire", trainer)

    assert retired["status"] == "retired"
    assert office.call("GET", f"/v1/courses/{course_id}").status == 200
    assert office.call("GET", f"/v1/courses?cluster={cluster_id}").body["items"] == []
    assert office.call("POST", f"/v1/courses/{course_id}/retire", trainer).body["code"] == "ILLEGAL_TRANSITION"
    planned = office.call("POST", f"/v1/courses/{course_id}/sessions", trainer, session_body())
    assert planned.body["code"] == "COURSE_NOT_PUBLISHED"
    assert office.events(course_id)[-1] == "retired"


def test_a_change_needs_the_version_and_actions_honour_it(office: Office) -> None:
    cluster_id = office.cluster()
    path, trainer = f"/v1/courses/{office.draft(cluster_id)}", office.trainer(cluster_id)

    assert office.call("PATCH", path, trainer, {"eqf_level": 5}).status == 428
    assert office.call("PATCH", path, trainer, {"eqf_level": 5}, If_Match='"8"').status == 412
    assert office.call("PATCH", path, trainer, {"eqf_level": 4}, If_Match='"1"').headers["ETag"] == '"1"'
    assert office.call("POST", f"{path}/submit", trainer, If_Match='"8"').status == 412


def test_the_providers_own_id_makes_then_updates_then_revises(office: Office) -> None:
    cluster_id = office.cluster()
    path, trainer = "/v1/courses/by-external-id/W-1", office.trainer(cluster_id)
    made = office.call("PUT", path, trainer, course_body())
    same = office.call("PUT", path, trainer, course_body())
    other = office.call("PUT", path, trainer, course_body(eqf_level=5))

    assert [made.status, same.status, other.status] == [201, 200, 200]
    assert [made.body["version"], same.body["version"], other.body["version"]] == [1, 1, 2]
    office.publish(cluster_id, made.body["id"])
    unchanged = office.call("PUT", path, trainer, course_body(eqf_level=5))
    assert unchanged.body["draft"] is None
    revised = office.call("PUT", path, trainer, course_body(eqf_level=6), If_Match='"4"')
    assert (revised.body["eqf_level"], revised.body["draft"]["eqf_level"]) == (5, 6)
    assert office.call("PUT", path, trainer, course_body(), If_Match='"1"').status == 412


def test_an_external_id_counts_per_provider(office: Office) -> None:
    cluster_id = office.cluster()
    trainer, another = office.trainer(cluster_id), office.registered(str(uuid.uuid4()), cluster_id)
    office.done("/v1/courses", trainer, course_body(external_id="7"))

    taken = office.call("POST", "/v1/courses", trainer, course_body(external_id="7"))
    assert (taken.status, taken.body["code"]) == (409, "EXTERNAL_ID_TAKEN")
    assert office.done("/v1/courses", trainer, course_body(external_id="7", provider_id=another))["version"] == 1


def test_two_requests_for_one_external_id_at_once_make_one_course(office: Office) -> None:
    trainer, path = office.trainer(office.cluster()), "/v1/courses/by-external-id/hurry"
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: office.call("PUT", path, trainer, course_body()), range(16)))

    assert sorted(answer.status for answer in answers) == [200] * 15 + [201]
    assert len({answer.body["id"] for answer in answers}) == 1


def test_a_token_without_a_cluster_writes_nothing(office: Office) -> None:
    nobody = office.issuer.authorization(scopes=["catalog:write"], cluster_id=None)

    assert office.call("POST", "/v1/courses", nobody, course_body()).body["code"] == "NO_CLUSTER"


def test_the_field_of_study_may_be_unknown(office: Office) -> None:
    trainer = office.trainer(office.cluster())

    assert office.done("/v1/courses", trainer, course_body(isced_f=None))["isced_f"] == "9999"


def test_a_trusted_providers_course_is_published_when_it_is_submitted(office: Office) -> None:
    cluster_id = office.cluster()
    trainer = office.trainer(cluster_id)
    office.take(PortalChanged(cluster_id=cluster_id, trusted_provider_ids=[PROVIDER]))
    course_id = office.draft(cluster_id)
    published = office.done(f"/v1/courses/{course_id}/submit", trainer)

    assert (published["status"], published["course_version"]) == ("published", 1)
    assert office.events(course_id) == ["published"]
    assert office.call("GET", f"/v1/courses/{course_id}").status == 200


def test_trust_that_was_withdrawn_or_is_another_clusters_does_not_count(office: Office) -> None:
    cluster_id, other = office.cluster(), office.cluster()
    office.take(PortalChanged(cluster_id=cluster_id, trusted_provider_ids=[PROVIDER]))
    office.take(PortalChanged(cluster_id=cluster_id, trusted_provider_ids=[]))
    office.take(PortalChanged(cluster_id=other, trusted_provider_ids=[PROVIDER]))
    course_id = office.draft(cluster_id)

    assert office.done(f"/v1/courses/{course_id}/submit", office.trainer(cluster_id))["status"] == "in_review"


def test_an_incomplete_course_of_a_trusted_provider_is_refused_all_the_same(office: Office) -> None:
    cluster_id = office.cluster()
    office.take(PortalChanged(cluster_id=cluster_id, trusted_provider_ids=[PROVIDER]))
    trainer = office.trainer(cluster_id)
    draft = office.done("/v1/courses", trainer, INCOMPLETE)

    assert office.call("POST", f"/v1/courses/{draft['id']}/submit", trainer).status == 422
