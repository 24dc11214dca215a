"""What the pages say of keys is what the directory does with them."""

import pytest

from services.directory_service.domain.program import KINDS
from services.portal.pages import keys


def test_the_pages_offer_each_kind_of_key() -> None:
    assert set(keys.KINDS) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_pages_offer_the_scopes_of_each_kind_and_a_first_request_for_one_of_them(kind: str) -> None:
    assert set(keys.KINDS[kind].scopes) == set(KINDS[kind].scopes)
    assert keys.KINDS[kind].of_provider == KINDS[kind].of_provider
    assert set(keys.KINDS[kind].first) <= set(KINDS[kind].scopes)
