"""People from a file: every row gets its answer, good rows are taken, the same file again changes nothing."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from services.directory_service.app import make_runner
from shared.tables.reading import open_table
from tests.directory_service.calling import Directory, Headers, new_uuid

HEADER = "Personalnummer;Vorname;Nachname;E-Mail;Firma;Eintritt;Einwilligung;how;consent date"


def send(directory: Directory, who: Headers, data: str | bytes, **form: str) -> Any:
    content = data.encode() if isinstance(data, str) else data
    parts = {"file": (io.BytesIO(content), "people.csv", "text/csv"), **form}
    return directory.app.test_client().post(
        "/v1/people-imports", data=parts, headers=dict(who), content_type="multipart/form-data"
    )


def carry_on(directory: Directory) -> None:
    runner = make_runner(directory.app.extensions["runtime"])
    while runner.turn():
        pass


def run(directory: Directory, who: Headers, data: str | bytes, **form: str) -> Any:
    """The finished job."""
    answer = send(directory, who, data, **form)
    assert answer.status_code == 202, answer.json
    carry_on(directory)
    return directory.call("GET", f"/v1/people-imports/{answer.json['id']}", who).body


def rows(directory: Directory, who: Headers, job: Any, **query: str) -> list[Any]:
    wanted = "&".join(f"{name}={value}" for name, value in {"limit": "500", **query}.items())
    return list(directory.call("GET", f"/v1/people-imports/{job['id']}/rows?{wanted}", who).body["items"])


@pytest.fixture
def cluster(directory: Directory) -> str:
    return directory.cluster()


@pytest.fixture
def portal(directory: Directory, cluster: str) -> Headers:
    return directory.portal(cluster)


def test_a_spreadsheet_makes_people_with_employment_and_consent(
    directory: Directory, cluster: str, portal: Headers
) -> None:
    company = directory.company(cluster, legal_name="Muster Fräs GmbH")
    data = f"{HEADER}\n1;Jiří;Dvořák;j@x.example;Muster Fraes GmbH;01.03.2026;ja;on paper;02.03.2026\n"
    job = run(directory, portal, data.replace("Fraes", "Fräs").encode("cp1250"))

    assert (job["state"], job["counts"], job["done"]) == ("done", {"created": 1}, 1)
    assert job["mapping"]["external_id"] == "Personalnummer"
    person = directory.call("GET", "/v1/people?external_id=1", portal).body["items"][0]
    assert (person["given_name"], person["family_name"]) == ("Jiří", "Dvořák")
    employment = directory.call("GET", f"/v1/employments?person={person['id']}", portal).body["items"][0]
    assert (employment["organisation_id"], employment["valid_from"]) == (company, "2026-03-01")
    consent = directory.call("GET", f"/v1/consents?person={person['id']}", portal).body["items"][0]
    assert (consent["how"], consent["stated_on"], consent["status"]) == ("on paper", "2026-03-02", "given")
    assert directory.events(person["id"]) == ["person.registered.v1"]


def test_the_columns_of_a_file_are_proposed_before_it_is_sent_and_nothing_is_kept(
    directory: Directory, portal: Headers
) -> None:
    before = directory.database["import_mappings"].count_documents({})
    columns = {"columns": ["Personalnummer", "Vorname", "Nachname", "Lieblingsfarbe", "error code"]}
    found = directory.call("POST", "/v1/people-imports/columns", portal, columns).body

    fields = {one["name"]: (one["column"], one["required"]) for one in found["fields"]}
    assert fields["external_id"] == ("Personalnummer", True)
    assert fields["given_name"] == ("Vorname", True)
    assert fields["consent"] == (None, False)
    assert found["unused"] == ["Lieblingsfarbe"]
    assert directory.database["import_mappings"].count_documents({}) == before


def test_the_same_file_again_changes_nothing(directory: Directory, cluster: str, portal: Headers) -> None:
    directory.company(cluster, legal_name="Werk Eins")
    data = f"{HEADER}\n1;Ada;Lang;;Werk Eins;2026-03-01;yes;portal;2026-03-02\n2;Eva;Kurz;;;;;;\n"
    run(directory, portal, data)
    before = directory.database["outbox"].count_documents({})

    again = run(directory, portal, data)

    assert again["counts"] == {"unchanged": 2}
    assert directory.database["outbox"].count_documents({}) == before


def test_another_name_is_an_update_and_a_leaving_date_ends_the_employment(
    directory: Directory, cluster: str, portal: Headers
) -> None:
    directory.company(cluster, legal_name="Werk Zwei")
    run(directory, portal, "number,first name,last name,company\n7,Ada,Lang,Werk Zwei\n")
    job = run(
        directory, portal, "number,first name,last name,company,exit date\n7,Ada,Lang-Kurz,Werk Zwei,2099-12-31\n"
    )

    assert job["counts"] == {"updated": 1}
    person = directory.call("GET", "/v1/people?external_id=7", portal).body["items"][0]
    assert person["family_name"] == "Lang-Kurz"
    employment = directory.call("GET", f"/v1/employments?person={person['id']}", portal).body["items"][0]
    assert employment["valid_until"] == "2099-12-31"


def test_bad_rows_come_back_with_everything_that_is_wrong_and_can_be_sent_again(
    directory: Directory, cluster: str, portal: Headers
) -> None:
    directory.company(cluster, legal_name="Werk Drei")
    data = (
        f"{HEADER}\n"
        "1;Ada;Lang;not a mail address;Werk Nichts;31.02.2026;vielleicht;;\n"
        "2;Eva;Kurz;;Werk Drei;;ja;;\n"
        "3;;Ohne;;;;;;\n"
        "4;Ida;Gut;;Werk Drei;;;;\n"
    )
    job = run(directory, portal, data)

    assert job["counts"] == {"created": 1, "failed": 3}
    failed = rows(directory, portal, job, outcome="failed")
    assert [(row["row"], row["column"], row["code"]) for row in failed] == [
        (1, "E-Mail", "INVALID"),
        (1, "Eintritt", "NOT_A_DATE"),
        (1, "Firma", "UNKNOWN_ORGANISATION"),
        (1, "Einwilligung", "NOT_YES_OR_NO"),
        (2, "Einwilligung", "CONSENT_INCOMPLETE"),
        (3, "Vorname", "INVALID"),
    ]
    client = directory.app.test_client()
    text = client.get(f"/v1/people-imports/{job['id']}/failed.csv", headers=dict(portal)).data
    back = [row.cells for row in open_table(io.BytesIO(text)).rows]
    assert [row["Personalnummer"] for row in back] == ["1", "2", "3"]
    assert back[1]["error code"] == "CONSENT_INCOMPLETE"
    mended = text.decode("utf-8-sig").replace(",ja,,,", ",ja,on paper,2026-03-02,")
    assert run(directory, portal, mended)["counts"] == {"created": 1, "failed": 2}


def test_a_dry_run_reports_the_same_and_changes_nothing(directory: Directory, portal: Headers) -> None:
    data = "number,first name,last name\n1,Ada,Lang\n2,,Kurz\n"
    job = run(directory, portal, data, dry_run="true")

    assert (job["dry_run"], job["counts"]) == (True, {"created": 1, "failed": 1})
    assert directory.call("GET", "/v1/people", portal).body["items"] == []
    assert run(directory, portal, data)["counts"] == job["counts"]


def test_columns_that_are_not_recognised_are_asked_for_and_the_answer_is_kept(
    directory: Directory, portal: Headers
) -> None:
    data = "A,B,C\n1,Ada,Lang\n"
    refused = send(directory, portal, data)
    assert refused.status_code == 422
    assert sorted((v["field"], v["code"]) for v in refused.json["violations"]) == [
        ("mapping.external_id", "COLUMN_MISSING"),
        ("mapping.family_name", "COLUMN_MISSING"),
        ("mapping.given_name", "COLUMN_MISSING"),
    ]

    chosen = json.dumps({"external_id": "A", "given_name": "B", "family_name": "C"})
    assert run(directory, portal, data, mapping=chosen)["counts"] == {"created": 1}
    assert run(directory, portal, data)["counts"] == {"unchanged": 1}


@pytest.mark.parametrize(
    ("data", "code"),
    [("", "TABLE_EMPTY"), (b"PK\x03\x04broken", "TABLE_UNREADABLE"), ("a,a\n1,2\n", "TABLE_DUPLICATE_COLUMN")],
)
def test_a_file_that_cannot_be_read_is_refused_at_once(
    directory: Directory, portal: Headers, data: Any, code: str
) -> None:
    answer = send(directory, portal, data)

    assert answer.status_code == 422
    assert answer.json["code"] == code
    assert directory.database["jobs"].count_documents({"cluster_id": "nobody"}) == 0


def test_hr_imports_only_people_of_the_own_company(directory: Directory, cluster: str, portal: Headers) -> None:
    mine, other = directory.company(cluster, legal_name="Meins"), directory.company(cluster, legal_name="Anderes")
    run(directory, portal, "number,first name,last name,company\n50,Of,Other,Anderes\n")
    hr = directory.hr(cluster, mine)
    data = (
        "number,first name,last name,company\n51,Ada,Lang,Meins\n52,Eva,Kurz,Anderes\n53,Ida,Ohne,\n50,New,Name,Meins\n"
    )
    job = run(directory, hr, data)

    assert job["counts"] == {"created": 1, "failed": 3}
    assert [row["code"] for row in rows(directory, hr, job, outcome="failed")] == [
        "UNKNOWN_ORGANISATION",
        "EMPLOYER_MISSING",
        "OTHER_EMPLOYER",
    ]
    assert other != mine


def test_an_employer_cannot_state_consent_in_a_file(directory: Directory, cluster: str) -> None:
    mine = directory.company(cluster, legal_name="Meins Zwei")
    data = "number,first name,last name,company,consent,how,consent date\n61,Ada,Lang,Meins Zwei,yes,paper,2026-03-02\n"
    job = run(directory, directory.hr(cluster, mine), data)

    assert job["counts"] == {"failed": 1}
    assert [row["code"] for row in rows(directory, directory.portal(cluster), job)] == ["NOT_YOURS"]


def test_an_import_is_for_its_cluster_only(directory: Directory, portal: Headers) -> None:
    job = run(directory, portal, "number,first name,last name\n1,Ada,Lang\n")
    stranger = directory.portal(directory.cluster())

    for path in ("", "/rows", "/failed.csv"):
        assert directory.call("GET", f"/v1/people-imports/{job['id']}{path}", stranger).status == 404
    for step in ("cancel", "resume"):
        assert directory.call("POST", f"/v1/people-imports/{job['id']}/{step}", stranger).status == 404
    worker = directory.worker(directory.cluster(), new_uuid())
    assert send(directory, worker, "number\n1\n").status_code == 403


def test_the_same_request_again_is_the_same_import(directory: Directory, portal: Headers) -> None:
    who = {**portal, "Idempotency-Key": new_uuid()}
    data = "number,first name,last name\n1,Ada,Lang\n"
    first, second = (_with_boundary(directory, who, data) for _ in range(2))

    assert first.json["id"] == second.json["id"]
    assert second.headers["Idempotency-Replayed"] == "true"


def _with_boundary(directory: Directory, who: Headers, data: str) -> Any:
    body = f'--b\r\nContent-Disposition: form-data; name="file"; filename="p.csv"\r\n\r\n{data}\r\n--b--\r\n'
    return directory.app.test_client().post(
        "/v1/people-imports", data=body, headers=dict(who), content_type="multipart/form-data; boundary=b"
    )


def test_nothing_personal_of_a_file_is_stored_in_clear_beside_the_people(directory: Directory, portal: Headers) -> None:
    mark = f"Unforgettable{new_uuid()}"
    job = run(directory, portal, f"number,first name,last name\n1,{mark},Lang\n")

    found = [
        name
        for name in directory.database.list_collection_names()
        if name != "people" and any(mark in str(row) for row in directory.database[name].find())
    ]
    assert found == []
    assert job["counts"] == {"created": 1}


@pytest.mark.slow
def test_ten_thousand_rows_are_imported(directory: Directory, cluster: str, portal: Headers) -> None:
    directory.company(cluster, legal_name="Werk Groß")
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["number", "first name", "last name", "company", "consent", "how", "consent date"])
    writer.writerows([n, f"Given{n}", f"Family{n}", "Werk Groß", "yes", "paper", "2026-03-02"] for n in range(10_000))
    sent = _with_boundary(directory, portal, out.getvalue())
    carry_on(directory)
    job = directory.call("GET", f"/v1/people-imports/{sent.json['id']}", portal).body

    assert job["counts"] == {"created": 10_000}
