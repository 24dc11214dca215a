"""Every operation of every service on the whole stack: nothing that somebody sends makes a fault of ours."""

import pytest

from tests.shared.http.schemathesis_walk import assert_no_faults
from tests.stack import Stack

SERVICES = ("catalog", "certificate", "directory", "enrolment")


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("service", SERVICES)
def test_schemathesis_finds_no_fault_in_any_operation(stack: Stack, service: str) -> None:
    url = stack.facts["services"][service]["api"]

    assert_no_faults(url, stack.token("manager@heilbronn.example"), examples=12, timeout=280)
