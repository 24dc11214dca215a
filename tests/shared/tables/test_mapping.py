"""Columns are proposed by name, checked when a person chose them."""

import pytest

from shared.errors import Invalid
from shared.tables.mapping import Field, checked, propose

FIELDS = [
    Field(name="external_id", required=True, names=("employee number", "personalnummer", "matricola")),
    Field(name="given_name", required=True, names=("first name", "vorname", "nome")),
    Field(name="family_name", names=("last name", "surname", "nachname", "cognome")),
]


def test_columns_are_recognised_by_their_names_in_several_languages() -> None:
    found = propose(["Vorname", "NACHNAME", "Personal-Nummer", "Bemerkung"], FIELDS)

    assert found.columns == {"external_id": "Personal-Nummer", "given_name": "Vorname", "family_name": "NACHNAME"}
    assert found.unused == ("Bemerkung",)
    assert found.missing == ()


def test_a_mistyped_name_is_recognised() -> None:
    assert propose(["Matricula", "Nome"], FIELDS).columns["external_id"] == "Matricula"


def test_equal_names_come_before_similar_ones() -> None:
    assert propose(["first names", "first name"], FIELDS).columns["given_name"] == "first name"


def test_an_earlier_answer_is_kept() -> None:
    assert propose(["A", "Vorname"], FIELDS, {"given_name": "A"}).columns["given_name"] == "A"


def test_missing_required_fields_are_told() -> None:
    assert propose(["Vorname"], FIELDS).missing == ("external_id",)


def test_a_chosen_mapping_is_refused_with_everything_that_is_wrong() -> None:
    with pytest.raises(Invalid) as refused:
        checked(["A", "B"], FIELDS, {"given_name": "C", "shoe_size": "A"})

    assert sorted(v.code for v in refused.value.violations) == ["COLUMN_MISSING", "UNKNOWN_COLUMN", "UNKNOWN_FIELD"]
