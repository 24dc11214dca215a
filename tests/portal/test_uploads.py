"""Files that somebody has chosen and not yet imported."""

from datetime import timedelta

import pytest

from services.portal.uploads import KEPT, Upload
from shared.errors import NotFound
from tests.portal.conftest import Surroundings


def test_a_chosen_file_is_read_by_its_sender_alone_and_for_an_hour(around: Surroundings) -> None:
    uploads = around.runtime.uploads
    upload_id = uploads.keep("ana", Upload("people.csv", b"number;name\n1;Ana Sanz\n"))
    found = uploads.get("ana", upload_id)

    assert (found.columns, found.samples()) == (("number", "name"), {"number": ["1"], "name": ["Ana Sanz"]})
    assert "Sanz" not in repr(list(uploads.database["uploads"].find()))
    with pytest.raises(NotFound):
        uploads.get("somebody else", upload_id)
    around.clock.ahead = KEPT + timedelta(seconds=1)
    with pytest.raises(NotFound):
        uploads.get("ana", upload_id)
    around.clock.ahead = timedelta()
    uploads.drop("ana", upload_id)
    with pytest.raises(NotFound):
        uploads.get("ana", upload_id)
