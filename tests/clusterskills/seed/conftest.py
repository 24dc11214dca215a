"""The folder of real data, where one is named."""

import os
from pathlib import Path

import pytest

from clusterskills.seed.real_courses import RealDataError, data_folder


@pytest.fixture(scope="session")
def real_data() -> Path:
    if not os.environ.get("CLUSTERSKILLS_DATA"):
        pytest.skip("CLUSTERSKILLS_DATA is not set, so the codes can't be checked against real data")
    try:
        return data_folder(os.environ)
    except RealDataError as fault:
        pytest.fail(str(fault))
