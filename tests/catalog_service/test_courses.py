"""Courses over HTTP: written, reviewed, published, revised, retired."""

import uuid
from concurrent.futures import ThreadPoolExecutor

from shared.schemas.catalog import CoursePublished
from shared.schemas.directory import PortalChanged
from tests.catalog_service.calling import PROVIDER, Catalog, course_body, session_body

INCOMPLETE = {"titles": {"de": "Entwurf"}, "default_language": "de", "provider_id": PROVIDER}


def test_a_course_goes_from_draft_through_review_to_everybody(catalog: Catalog) -> None:
    cluster_id = catalog.cluster()
    trainer, reviewer = catalog.trainer(cluster_id), catalog.reviewer(cluster_id)
    written = catalog.call("POST", "/v1/courses", trainer, course_body())
    path = written.headers["Location"]

    assert (written.status, written.body["status"], written.body["draft"]["status"]) == (201, "draft", "draft")
    assert catalog.call("GET", path).status == 404
    assert catalog.done(f"{path}/submit", trainer)["status"] == "in_review"
    published = catalog.done(f"{path}/publish", reviewer)
    assert (published["status"], published["course_version"], published["draft"]) == ("published", 1, None)
    public = catalog.call("GET", path)
    assert (public.status, public.body["titles"]["en"], public.headers["ETag"]) == (200, "Welding for beginners", '"3"')
    assert catalog.events(written.body["id"]) == ["submitted", "published"]


def test_the_event_of_publication_holds_the_whole_content(catalog: Catalog) -> None:
    cluster_id = catalog.cluster()
    course_id = catalog.course(cluster_id, prerequisites=[catalog.course(cluster_id)], certificate_validity_months=24)
    event = catalog.told(course_id)

    assert isinstance(event, CoursePublished)
    assert (event.cluster_id, event.provider_id, event.awarding_body_id) == (cluster_id, PROVIDER, PROVIDER)
    assert (event.skill_category, event.course_version, event.certificate_validity_months) == ("digital", 1, 24)
    assert event.outcomes[0].esco_title == "run simulations"
    assert len(event.prerequisites) == 1


def test_a_draft_may_lack_what_a_submission_must_have_and_all_is_named_at_once(catalog: Catalog) -> None:
    trainer = catalog.trainer(catalog.cluster())
    draft = catalog.done("/v1/courses", trainer, {**INCOMPLETE, "prerequisites": ["nobody"]})
    answer = catalog.call("POST", f"/v1/courses/{draft['id']}/submit", trainer)

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
    assert catalog.events(draft["id"]) == []


def test_what_cannot_be_right_is_refused_in_a_draft_too(catalog: Catalog) -> None:
    body = course_body(
        titles={"en": "Welding", "not a tag": "x"},
        eqf_level=9,
        workload_hours=0,
        isced_f="7a",
        descriptions={"de": " "},
    )
    body["outcomes"][0] |= {"digcomp_code": "7.7", "greencomp_code": "5.1", "esco_uri": "http://elsewhere.example"}
    answer = catalog.call("POST", "/v1/courses", catalog.trainer(catalog.cluster()), body)

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


def test_nobody_reviews_what_they_wrote(catalog: Catalog) -> None:
    cluster_id = catalog.cluster()
    manager = catalog.manager(cluster_id)
    path = f"/v1/courses/{catalog.draft(cluster_id)}"
    catalog.call("PATCH", path, manager, {"eqf_level": 5}, If_Match='"1"')
    catalog.done(f"{path}/submit", catalog.trainer(cluster_id))

    for step, body in (("publish", None), ("return", {"reasons": ["x"]})):
        refused = catalog.call("POST", f"{path}/{step}", manager, body)
        assert (refused.status, refused.body["code"]) == (403, "OWN_COURSE")
    assert catalog.done(f"{path}/publish", catalog.reviewer(cluster_id))["status"] == "published"


def test_a_returned_course_shows_its_authors_why(catalog: Catalog) -> None:
    cluster_id = catalog.cluster()
    trainer, reviewer = catalog.trainer(cluster_id), catalog.reviewer(cluster_id)
    course_id = catalog.draft(cluster_id)
    path = f"/v1/courses/{course_id}"
    catalog.done(f"{path}/submit", trainer)
    locked = catalog.call("PATCH", path, trainer, {"eqf_level": 5}, If_Match='"2"')
    assert (locked.status, locked.body["code"]) == (409, "ILLEGAL_TRANSITION")

    returned = catalog.done(f"{path}/return", reviewer, {"reasons": ["The workload is too short."]})
    assert returned["draft"]["reasons"] == ["The workload is too short."]
    assert catalog.call("PATCH", path, trainer, {"workload_hours": 20}, If_Match='"3"').status == 200
    assert catalog.publish(cluster_id, course_id)["workload_hours"] == 20
    assert catalog.events(course_id) == ["submitted", "returned", "submitted", "published"]


def test_a_revision_stands_beside_what_is_published_until_it_is_reviewed(catalog: Catalog) -> None:
    cluster_id = catalog.cluster()
    course_id, trainer = catalog.course(cluster_id), catalog.trainer(cluster_id)
    path = f"/v1/courses/{course_id}"
    assert catalog.call("PATCH", path, trainer, {"eqf_level": 6}, If_Match='"3"').body["code"] == "ILLEGAL_TRANSITION"

    catalog.done(f"{path}/revise", trainer)
    assert catalog.call("POST", f"{path}/revise", trainer).body["code"] == "ILLEGAL_TRANSITION"
    catalog.call("PATCH", path, trainer, {"eqf_level": 6}, If_Match='"4"')
    own, public = catalog.call("GET", path, trainer).body, catalog.call("GET", path).body
    assert (own["eqf_level"], own["draft"]["eqf_level"], public["eqf_level"], public["draft"]) == (4, 6, 4, None)

    assert catalog.publish(cluster_id, course_id)["course_version"] == 2
    versions = catalog.call("GET", f"{path}/versions").body["items"]
    assert [(version["course_version"], version["eqf_level"]) for version in versions] == [(1, 4), (2, 6)]
    assert catalog.call("GET", f"{path}/versions/1").body["eqf_level"] == 4
    assert catalog.events(course_id) == ["submitted", "published", "submitted", "revised"]


def test_versions_are_paged_and_unknown_ones_are_not_found(catalog: Catalog) -> None:
    cluster_id = catalog.cluster()
    path = f"/v1/courses/{catalog.course(cluster_id)}/versions"
    first = catalog.call("GET", f"{path}?limit=1").body

    assert catalog.call("GET", f"{path}?limit=1&cursor={first['next']}").body["items"] == []
    assert [catalog.call("GET", f"{path}/{number}").status for number in ("2", "x", "-1", "٣")] == [404] * 4


def test_a_retired_course_is_still_read_but_no_longer_found(catalog: Catalog) -> None:
    cluster_id = catalog.cluster()
    course_id, trainer = catalog.course(cluster_id), catalog.trainer(cluster_id)
    retired = catalog.done(f"/v1/courses/{course_id}/retire", trainer)

    assert retired["status"] == "retired"
    assert catalog.call("GET", f"/v1/courses/{course_id}").status == 200
    assert catalog.call("GET", f"/v1/courses?cluster={cluster_id}").body["items"] == []
    assert catalog.call("POST", f"/v1/courses/{course_id}/retire", trainer).body["code"] == "ILLEGAL_TRANSITION"
    planned = catalog.call("POST", f"/v1/courses/{course_id}/sessions", trainer, session_body())
    assert planned.body["code"] == "COURSE_NOT_PUBLISHED"
    assert catalog.events(course_id)[-1] == "retired"


def test_a_change_needs_the_version_and_actions_honour_it(catalog: Catalog) -> None:
    cluster_id = catalog.cluster()
    path, trainer = f"/v1/courses/{catalog.draft(cluster_id)}", catalog.trainer(cluster_id)

    assert catalog.call("PATCH", path, trainer, {"eqf_level": 5}).status == 428
    assert catalog.call("PATCH", path, trainer, {"eqf_level": 5}, If_Match='"8"').status == 412
    assert catalog.call("PATCH", path, trainer, {"eqf_level": 4}, If_Match='"1"').headers["ETag"] == '"1"'
    assert catalog.call("POST", f"{path}/submit", trainer, If_Match='"8"').status == 412


def test_the_providers_own_id_makes_then_updates_then_revises(catalog: Catalog) -> None:
    cluster_id = catalog.cluster()
    path, trainer = "/v1/courses/by-external-id/W-1", catalog.trainer(cluster_id)
    made = catalog.call("PUT", path, trainer, course_body())
    same = catalog.call("PUT", path, trainer, course_body())
    other = catalog.call("PUT", path, trainer, course_body(eqf_level=5))

    assert [made.status, same.status, other.status] == [201, 200, 200]
    assert [made.body["version"], same.body["version"], other.body["version"]] == [1, 1, 2]
    catalog.publish(cluster_id, made.body["id"])
    unchanged = catalog.call("PUT", path, trainer, course_body(eqf_level=5))
    assert unchanged.body["draft"] is None
    revised = catalog.call("PUT", path, trainer, course_body(eqf_level=6), If_Match='"4"')
    assert (revised.body["eqf_level"], revised.body["draft"]["eqf_level"]) == (5, 6)
    assert catalog.call("PUT", path, trainer, course_body(), If_Match='"1"').status == 412


def test_an_external_id_counts_per_provider(catalog: Catalog) -> None:
    cluster_id = catalog.cluster()
    trainer, another = catalog.trainer(cluster_id), catalog.registered(str(uuid.uuid4()), cluster_id)
    catalog.done("/v1/courses", trainer, course_body(external_id="7"))

    taken = catalog.call("POST", "/v1/courses", trainer, course_body(external_id="7"))
    assert (taken.status, taken.body["code"]) == (409, "EXTERNAL_ID_TAKEN")
    assert catalog.done("/v1/courses", trainer, course_body(external_id="7", provider_id=another))["version"] == 1


def test_two_requests_for_one_external_id_at_once_make_one_course(catalog: Catalog) -> None:
    trainer, path = catalog.trainer(catalog.cluster()), "/v1/courses/by-external-id/hurry"
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: catalog.call("PUT", path, trainer, course_body()), range(16)))

    assert sorted(answer.status for answer in answers) == [200] * 15 + [201]
    assert len({answer.body["id"] for answer in answers}) == 1


def test_a_token_without_a_cluster_writes_nothing(catalog: Catalog) -> None:
    nobody = catalog.issuer.authorization(scopes=["catalog:write"], cluster_id=None)

    assert catalog.call("POST", "/v1/courses", nobody, course_body()).body["code"] == "NO_CLUSTER"


def test_the_field_of_study_may_be_unknown(catalog: Catalog) -> None:
    trainer = catalog.trainer(catalog.cluster())

    assert catalog.done("/v1/courses", trainer, course_body(isced_f=None))["isced_f"] == "9999"


def test_a_trusted_providers_course_is_published_when_it_is_submitted(catalog: Catalog) -> None:
    cluster_id = catalog.cluster()
    trainer = catalog.trainer(cluster_id)
    catalog.take(PortalChanged(cluster_id=cluster_id, trusted_provider_ids=[PROVIDER]))
    course_id = catalog.draft(cluster_id)
    published = catalog.done(f"/v1/courses/{course_id}/submit", trainer)

    assert (published["status"], published["course_version"]) == ("published", 1)
    assert catalog.events(course_id) == ["published"]
    assert catalog.call("GET", f"/v1/courses/{course_id}").status == 200


def test_trust_that_was_withdrawn_or_is_another_clusters_does_not_count(catalog: Catalog) -> None:
    cluster_id, other = catalog.cluster(), catalog.cluster()
    catalog.take(PortalChanged(cluster_id=cluster_id, trusted_provider_ids=[PROVIDER]))
    catalog.take(PortalChanged(cluster_id=cluster_id, trusted_provider_ids=[]))
    catalog.take(PortalChanged(cluster_id=other, trusted_provider_ids=[PROVIDER]))
    course_id = catalog.draft(cluster_id)

    assert catalog.done(f"/v1/courses/{course_id}/submit", catalog.trainer(cluster_id))["status"] == "in_review"


def test_an_incomplete_course_of_a_trusted_provider_is_refused_all_the_same(catalog: Catalog) -> None:
    cluster_id = catalog.cluster()
    catalog.take(PortalChanged(cluster_id=cluster_id, trusted_provider_ids=[PROVIDER]))
    trainer = catalog.trainer(cluster_id)
    draft = catalog.done("/v1/courses", trainer, INCOMPLETE)

    assert catalog.call("POST", f"/v1/courses/{draft['id']}/submit", trainer).status == 422
