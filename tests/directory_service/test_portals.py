"""A cluster's settings: who sees and changes them, what they may not say, and that everybody hears of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.directory_service.domain import portal
from services.directory_service.domain.portal import Brand, ConsentText, Portal
from shared.colour import contrast
from shared.errors import Invalid
from shared.schemas.directory import PortalChanged
from tests.answers import Answer
from tests.directory_service.calling import Directory, new_uuid

TEXT = {"purpose": "share_results", "language": "en", "text_version": "1", "text": "You let your employer see them."}
PROFILE = {"management_fte": 0.5, "member_count": 15, "member_types": ["sme", "research"]}


def change(directory: Directory, cluster_id: str, version: int = 0, **changes: object) -> Answer:
    """What a manager asks for."""
    return directory.call(
        "PATCH", f"/v1/portals/{cluster_id}", directory.manager(cluster_id), changes, If_Match=f'"{version}"'
    )


def test_each_cluster_has_settings_from_the_beginning_and_whoever_asks_sees_the_public_ones(
    directory: Directory,
) -> None:
    cluster_id = directory.cluster()
    found = directory.call("GET", f"/v1/portals/{cluster_id}")

    assert (found.status, found.body["version"], found.headers["ETag"]) == (200, 0, '"0"')
    assert (found.body["languages"], found.body["brand"]["colour"]) == (["en"], "#1f4e79")
    assert (found.body["trusted_provider_ids"], found.body["retention"], found.body["profile"]) == (None, None, None)
    assert directory.call("GET", f"/v1/portals/{new_uuid()}").status == 404
    assert directory.call("GET", f"/v1/portals/{directory.company(cluster_id)}").status == 404


def test_a_manager_changes_settings_and_what_was_not_named_stays(directory: Directory) -> None:
    cluster_id = directory.cluster()
    first = change(directory, cluster_id, brand={"name": "Cluster Süd", "colour": "#004488"}, languages=["de", "en"])
    second = change(directory, cluster_id, 1, default_language="de", approval="always", retention={"audit_days": 365})

    assert (first.status, second.status, second.body["version"]) == (200, 200, 2)
    assert (second.body["brand"]["name"], second.body["contrast"]) == ("Cluster Süd", 9.62)
    assert second.body["retention"] == {"audit_days": 365, "inactive_person_months": None}
    assert change(directory, cluster_id, 1, approval="session").status == 412


def test_a_portals_key_reads_all_settings_and_changes_none(directory: Directory) -> None:
    cluster_id = directory.cluster()
    portals_key, path = directory.portal(cluster_id), f"/v1/portals/{cluster_id}"

    assert directory.call("GET", path, portals_key).body["approval"] == "session"
    assert directory.call("PATCH", path, portals_key, {"approval": "always"}, If_Match='"0"').status == 403


def test_everybody_hears_of_a_change_and_of_none_when_nothing_changed(directory: Directory) -> None:
    cluster_id = directory.cluster()
    school = directory.company(cluster_id, type="training_provider")
    change(directory, cluster_id, trusted_provider_ids=[school], consent_texts=[TEXT])
    unchanged = change(directory, cluster_id, 1, trusted_provider_ids=[school])

    told = directory.told(cluster_id, topic="portal")
    assert isinstance(told, PortalChanged)
    assert (told.trusted_provider_ids, told.consent_versions) == ([school], ["share_results/en/1"])
    assert (unchanged.status, unchanged.body["version"]) == (200, 1)
    assert directory.events(cluster_id).count("portal.changed.v1") == 1


def test_everything_that_is_wrong_is_named_at_once(directory: Directory) -> None:
    answer = change(
        directory,
        directory.cluster(),
        brand={"colour": "#ffee88"},
        default_language="de",
        allowed_origins=["https://example.org/path", "https://example.org"],
        consent_texts=[TEXT, {**TEXT, "text": "Otherwise."}],
        label={"level": "bronze", "valid_from": "2026-01-01", "valid_until": "2028-01-02"},
    )

    assert answer.codes == [
        ("brand.colour", "CONTRAST_TOO_LOW"),
        ("default_language", "NOT_A_LANGUAGE"),
        ("allowed_origins", "ORIGIN_INVALID"),
        ("consent_texts", "DUPLICATE_TEXT"),
        ("profile.management_fte", "CLUSTER_PROFILE"),
        ("profile.member_count", "CLUSTER_PROFILE"),
        ("profile.member_types", "CLUSTER_PROFILE"),
        ("label.valid_until", "LABEL_INVALID"),
    ]


def test_a_label_at_the_end_of_time_and_a_colour_with_a_line_break_are_no_fault_of_ours(directory: Directory) -> None:
    cluster_id = directory.cluster()
    label = {"level": "silver", "valid_from": "9999-06-01", "valid_until": "9999-12-31"}

    assert change(directory, cluster_id, profile=PROFILE, label=label).status == 200
    assert change(directory, cluster_id, 1, brand={"colour": "#004488\n"}).status == 422


def test_a_trusted_provider_must_be_known(directory: Directory) -> None:
    assert change(directory, directory.cluster(), trusted_provider_ids=["nobody"]).codes == [
        ("trusted_provider_ids", "UNKNOWN_ORGANISATION")
    ]


@pytest.mark.parametrize(
    ("level", "until", "status"),
    [
        ("bronze", "2028-01-01", 200),
        ("silver", "2028-01-01", 200),
        ("silver", None, 422),
        ("bronze", "2025-12-31", 422),
        ("gold", None, 200),
        ("silver", "9999-12-31", 422),
    ],
)
def test_a_label_holds_as_long_as_its_level_allows(
    directory: Directory, level: str, until: str | None, status: int
) -> None:
    label = {"level": level, "valid_from": "2026-01-01", "valid_until": until}
    assert change(directory, directory.cluster(), profile=PROFILE, label=label).status == status


def test_what_people_consented_to_cannot_be_rewritten(directory: Directory) -> None:
    cluster_id = directory.cluster()
    change(directory, cluster_id, consent_texts=[TEXT])
    codes = [("consent_texts", "CONSENT_TEXT_PUBLISHED")]

    assert change(directory, cluster_id, 1, consent_texts=[{**TEXT, "text": "Something else."}]).codes == codes
    assert change(directory, cluster_id, 1, consent_texts=[]).codes == codes
    assert change(directory, cluster_id, 1, consent_texts=[TEXT, {**TEXT, "text_version": "2"}]).status == 200


def test_the_list_shows_each_cluster_also_one_that_never_changed_anything(directory: Directory) -> None:
    changed, untouched = directory.cluster(), directory.cluster()
    change(directory, changed, brand={"name": "Known"})
    listed = {item["id"]: item for item in directory.call("GET", "/v1/portals?limit=500").body["items"]}

    assert (listed[changed]["brand"]["name"], listed[untouched]["version"]) == ("Known", 0)
    assert listed[changed]["approval"] is None


@given(st.integers(0, 0xFFFFFF))
def test_a_colour_is_taken_exactly_when_white_text_can_be_read_on_it(number: int) -> None:
    colour = f"#{number:06x}"
    settings = {"brand": Brand(colour=colour, name="x")}
    if contrast(colour) >= 4.5:
        assert portal.change(Portal(id="c"), settings)[0].brand.colour == colour
    else:
        with pytest.raises(Invalid):
            portal.change(Portal(id="c"), settings)


def test_texts_of_one_version_may_differ_by_language() -> None:
    english = ConsentText(**TEXT)
    german = ConsentText(**{**TEXT, "language": "de", "text": "Ihr Arbeitgeber sieht sie."})
    changed, _ = portal.change(Portal(id="c"), {"consent_texts": (english, german)})
    assert len(changed.consent_texts) == 2
