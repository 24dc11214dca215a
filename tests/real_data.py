"""Data that others made, to test with. It is not part of this repository: CLUSTERSKILLS_DATA names its folder."""

import os
from pathlib import Path

import pytest


def real_data(part: str) -> Path:
    """A part of the folder; without it the test is skipped and says why."""
    folder = os.environ.get("CLUSTERSKILLS_DATA")
    if not folder:
        pytest.skip("CLUSTERSKILLS_DATA names no folder with data of others to test with")
    return Path(folder) / part
