"""Every operation of every service on the whole stack: nothing that somebody sends makes a fault of ours.

Takes four to five minutes on two busy cores, the start of a stack not counted: half a minute for something real to find
(a journey in a cluster of its own), then 30 s (certificate) to 90 s (catalog) for each service with 1,000 to 3,000
requests. What is sent depends on a seed and on the ids that are there; CLUSTERSKILLS_WALK_SEED=2 sends others.
"""

import json

import pytest

from tests.journeys.walk_data import CLUSTER, Ids, config, prepare
from tests.shared.http.schemathesis_walk import assert_no_faults
from tests.stack import Stack

SERVICES = ("enrolment", "catalog", "directory", "certificate")


@pytest.fixture(scope="module")
def found(stack: Stack) -> Ids:
    """The ids of what is there."""
    return prepare(stack.facts)


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("service", SERVICES)
def test_schemathesis_finds_no_fault_in_any_operation(stack: Stack, found: Ids, service: str) -> None:
    environment = {
        "SCHEMATHESIS_HOOKS": "tests.journeys.walk_hooks",
        "WALK_STACK": str(stack.data),
        "WALK_CLUSTER": CLUSTER,
        "WALK_OWN": json.dumps(
            {
                "course_id": found["courses"],
                "person_id": found["people"],
                "organisation_id": found["own organisations"],
            }
        ),
    }

    assert_no_faults(
        stack.facts["services"][service]["api"], examples=10, timeout=280, config=config(found), environment=environment
    )
