"""The two ways in which each journey through the pages is made."""

import pytest

WAYS = pytest.mark.parametrize(
    "narrow",
    [
        pytest.param(False, id="with JavaScript"),
        pytest.param(True, id="on a phone without JavaScript", marks=pytest.mark.slow),
    ],
)
"""At a desk with JavaScript, and on a phone of 390 px without: the second belongs to `make test-all`."""
