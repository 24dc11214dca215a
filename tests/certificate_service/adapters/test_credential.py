"""The credential says everything a micro-credential must, in fields others know."""

from dataclasses import replace
from typing import Any

import pytest

from services.certificate_service.adapters.contexts import CREDENTIALS_V2
from services.certificate_service.adapters.frameworks import eqf_alignment
from tests.certificate_service.adapters.issuing_body import COURSE, IssuingBody

CREDENTIAL = IssuingBody().unsigned()
SUBJECT: dict[str, Any] = CREDENTIAL["credentialSubject"]
ACHIEVEMENT: dict[str, Any] = SUBJECT["achievement"]


def test_the_contexts_are_the_public_three_in_their_order() -> None:
    assert CREDENTIAL["@context"] == [
        CREDENTIALS_V2,
        "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
        "https://purl.imsglobal.org/spec/ob/v3p0/extensions.json",
    ]


def test_every_mandatory_element_of_a_micro_credential_is_said() -> None:
    names = [entry["targetName"] for entry in ACHIEVEMENT["alignment"]]

    assert SUBJECT["identifier"][0]["identityHash"] == "Zoë Müller-Ñandú"
    assert CREDENTIAL["name"] == ACHIEVEMENT["name"] == COURSE.title
    assert CREDENTIAL["issuer"]["address"]["addressCountryCode"] == "DE"
    assert CREDENTIAL["issuer"]["name"] == "Kompetenzzentrum Süd"
    assert CREDENTIAL["awardedDate"] == "2026-11-20T09:00:00Z"
    assert all(outcome.title in ACHIEVEMENT["criteria"]["narrative"] for outcome in COURSE.outcomes)
    assert {
        "1.5 ECTS",
        "Notional workload: 37.5 hours",
        "EQF level 5",
        "Type of assessment: written examination",
        "Form of participation: Blended",
        "Quality assurance: ISO 21001",
    } <= set(names)


def test_outcomes_point_to_esco_digcomp_and_greencomp() -> None:
    found = {(entry["targetType"], entry["targetCode"]) for entry in ACHIEVEMENT["alignment"]}

    assert {("ext:DigComp", "1.2"), ("ext:GreenComp", "2.1"), ("ext:EQF", "5"), ("ext:ECTS", "1.5")} <= found
    assert any(kind == "ext:ESCOSkill" for kind, _ in found)


def test_european_codes_are_used_where_the_european_lists_have_them() -> None:
    urls = {entry["targetType"]: entry["targetUrl"] for entry in ACHIEVEMENT["alignment"]}

    assert urls["ext:LearningMode"] == "http://data.europa.eu/snb/learning-assessment/e92d221e4d"
    assert urls["ext:AssessmentType"] == "http://data.europa.eu/snb/assessment/6e6cb2cc78"


def test_words_outside_the_european_lists_still_name_the_element() -> None:
    course = replace(COURSE, mode="In the field", assessment="A talk with the foreman")
    alignments = IssuingBody().unsigned(course=course)["credentialSubject"]["achievement"]["alignment"]

    assert {"Form of participation: In the field", "Type of assessment: A talk with the foreman"} <= {
        entry["targetName"] for entry in alignments
    }


def test_what_a_course_does_not_have_is_left_out_not_null() -> None:
    course = replace(COURSE, ects=None, eqf_level=None)
    credential = IssuingBody().unsigned(course=course, score=None, valid_until=None)

    assert "validUntil" not in credential
    assert {"creditsEarned", "result", "licenseNumber"}.isdisjoint(credential["credentialSubject"])
    assert "resultDescription" not in credential["credentialSubject"]["achievement"]


def test_an_outcome_stated_twice_is_aligned_once() -> None:
    course = replace(COURSE, outcomes=COURSE.outcomes + COURSE.outcomes)
    alignments = IssuingBody().unsigned(course=course)["credentialSubject"]["achievement"]["alignment"]

    assert len(alignments) == len(ACHIEVEMENT["alignment"])


def test_the_result_refers_to_the_scale_it_was_measured_on() -> None:
    result, scale = SUBJECT["result"][0], ACHIEVEMENT["resultDescription"][0]

    assert result["resultDescription"] == scale["id"]
    assert (result["value"], scale["valueMin"], scale["valueMax"]) == ("87", "0", "100")


def test_the_subject_is_a_random_identifier() -> None:
    assert SUBJECT["id"].startswith("urn:uuid:")


@pytest.mark.parametrize("level", [0, 9])
def test_there_is_no_eqf_level_outside_one_to_eight(level: int) -> None:
    with pytest.raises(ValueError, match="no EQF level"):
        eqf_alignment(level)
