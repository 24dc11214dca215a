"""Import of a file, step by step: choose it, match its columns, check it without changing anything, import, mend, again.

One wizard for every kind of import: a kind says which service takes it and what its fields are called, and
`add_import_pages` adds the pages. Each step has an address of its own and works without JavaScript.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from flask import Blueprint, Response, render_template, request
from flask_babel import LazyString

from services.portal import asking, faults
from services.portal.forms import Form, Mistake, refused
from services.portal.languages import _, _l
from services.portal.platform import Refused
from services.portal.runtime import runtime
from services.portal.uploads import LARGEST, Upload
from services.portal.visitors import bearer, require
from shared.errors import NotFound
from shared.http.app import public
from shared.http.problems import TooLarge
from shared.tables.table import TableError

_ROWS: Final = 50
_LAST: Final = 20
_ROOM_FOR_THE_FORM: Final = 64 * 1024
_ACTIVE: Final = {"waiting", "running"}
_CAN_RESUME: Final = {"paused", "failed", "cancelled"}
OUTCOMES: Final = {
    "created": _l("New"),
    "updated": _l("Changed"),
    "unchanged": _l("As before"),
    "failed": _l("With errors"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportKind:
    """One kind of import. `api` is its path below /v1, `base` its pages' path, `fields` the words for its fields."""

    service: str
    api: str
    base: str
    roles: tuple[str, ...]
    title: LazyString
    lead: LazyString
    parent: tuple[str, LazyString]
    fields: Mapping[str, tuple[LazyString, LazyString]]
    example: str
    """The header and a row of a file to begin with, as CSV."""
    asked: Mapping[str, str] = field(default_factory=dict)
    """Further fields of the API's form, the same for each import."""


def add_import_pages(pages: Blueprint, kind: ImportKind) -> None:
    """Add the wizard's pages of one kind."""
    wizard = _Wizard(kind)
    rules = (
        ("", "GET", wizard.choose),
        ("", "POST", wizard.take),
        ("/example.csv", "GET", wizard.example),
        ("/<upload_id>/columns", "GET", wizard.columns),
        ("/<upload_id>/columns", "POST", wizard.check),
        ("/<upload_id>/check/<job_id>", "GET", wizard.preview),
        ("/<upload_id>/check/<job_id>", "POST", wizard.start),
        ("/result/<job_id>", "GET", wizard.result),
        ("/<job_id>/<any(cancel,resume):action>", "POST", wizard.act),
        ("/<job_id>/failed.csv", "GET", wizard.failed),
    )
    for rule, method, view in rules:
        name = f"{kind.api}_{view.__name__}".replace("-", "_")
        pages.add_url_rule(f"{kind.base}{rule}", name, view, methods=[method])


class _Wizard:
    """The steps of one kind."""

    def __init__(self, kind: ImportKind) -> None:
        self._kind = kind

    # Step 1: the file

    @public
    def choose(self) -> Response:
        """Ask for the file."""
        require(*self._kind.roles)
        return self._choose(Form())

    @public
    def take(self) -> Response:
        """Keep the file for an hour and go on to its columns; what is no table is said at once."""
        person = require(*self._kind.roles)
        request.max_content_length = LARGEST + _ROOM_FOR_THE_FORM
        try:
            asking.checked_form()
            upload = _sent()
            _ = upload.columns
        except (TableError, TooLarge) as error:
            return self._choose(Form({}, [Mistake("file", faults.sentence(error.error_code, error.detail))]), 422)
        return asking.go_to(f"{self._kind.base}/{runtime().uploads.keep(person.subject, upload)}/columns")

    @public
    def example(self) -> Response:
        """A file to begin with."""
        require(*self._kind.roles)
        return _csv(self._kind.example.encode("utf-8-sig"), f"{self._kind.api}.csv")

    # Step 2: the columns

    @public
    def columns(self, upload_id: str) -> Response:
        """Show which column is read as which field, with the first cells of each."""
        upload = self._upload(upload_id)
        proposed = self._proposed(upload)
        return self._columns(upload, Form({one["name"]: one["column"] or "" for one in proposed}), proposed)

    @public
    def check(self, upload_id: str) -> Response:
        """Check the file with the chosen columns; nothing is changed."""
        upload = self._upload(upload_id)
        form = asking.checked_form()
        chosen = {name: column for name, column in form.items() if column and name in self._kind.fields}
        try:
            job = self._send(upload, chosen, dry_run=True)
        except Refused as error:
            mended = refused(form, error, {f"mapping.{name}": name for name in self._kind.fields})
            return self._columns(upload, mended, self._proposed(upload), 422)
        return asking.go_to(f"{self._kind.base}/{upload_id}/check/{job['id']}")

    # Step 3: what would happen

    @public
    def preview(self, upload_id: str, job_id: str) -> Response:
        """How far the check is, then what the import would do."""
        return self._show_job("preview", self._upload(upload_id), job_id, upload_id)

    @public
    def start(self, upload_id: str, job_id: str) -> Response:
        """Import for good what was checked."""
        upload = self._upload(upload_id)
        asking.checked_form()
        checked = self._job(job_id)
        job = self._send(upload, checked["mapping"], dry_run=False)
        runtime().uploads.drop(require(*self._kind.roles).subject, upload_id)
        return asking.go_to(f"{self._kind.base}/result/{job['id']}")

    # Step 4: what happened

    @public
    def result(self, job_id: str) -> Response:
        """How far the import is, then what became of the rows."""
        require(*self._kind.roles)
        return self._show_job("result", None, job_id, "")

    @public
    def act(self, job_id: str, action: str) -> Response:
        """Stop a job, or let it go on."""
        require(*self._kind.roles)
        form = asking.checked_form()
        with contextlib.suppress(Refused):  # it has ended by itself meanwhile; the page says how
            asking.send("POST", self._kind.service, f"{self._kind.api}/{job_id}/{action}")
        upload_id = form.get("upload", "")
        return asking.go_to(
            f"{self._kind.base}/{upload_id}/check/{job_id}" if upload_id else f"{self._kind.base}/result/{job_id}"
        )

    @public
    def failed(self, job_id: str) -> Response:
        """The rows that were not taken, as a file with what is wrong with each."""
        require(*self._kind.roles)
        content = runtime().platform.content(self._kind.service, f"{self._kind.api}/{job_id}/failed.csv", bearer())
        return _csv(content, f"{self._kind.api}-failed.csv")

    # -- parts

    def _upload(self, upload_id: str) -> Upload:
        return runtime().uploads.get(require(*self._kind.roles).subject, upload_id)

    def _proposed(self, upload: Upload) -> list[Any]:
        asked = {"columns": list(upload.columns)}
        found = asking.send("POST", self._kind.service, f"{self._kind.api}/columns", asked, key="columns")
        return list(found["fields"])

    def _send(self, upload: Upload, mapping: Mapping[str, str], *, dry_run: bool) -> Any:
        form = {**self._kind.asked, "mapping": msgspec.json.encode(mapping).decode(), "dry_run": str(dry_run).lower()}
        key = request.form.get("request_key", "")
        file = (upload.name, upload.content)
        return runtime().platform.send_file(self._kind.service, self._kind.api, bearer(), file, form, key=key)

    def _job(self, job_id: str) -> Any:
        return asking.get(self._kind.service, f"{self._kind.api}/{job_id}")

    def _choose(self, form: Form, status: int = 200) -> Response:
        page = render_template("import_file.html", kind=self._kind, form=form, largest=LARGEST, last=self._last())
        return Response(page, status)

    def _last(self) -> list[Any]:
        """The imports before this one, the newest first; of checks nothing is left."""
        kind = self._kind.api.removesuffix("s")
        found = asking.get(self._kind.service, f"{self._kind.service}/jobs", kind=kind, limit=_LAST)["items"]
        return [
            {
                **job,
                "outcomes": [(word, job["counts"][name]) for name, word in OUTCOMES.items() if job["counts"].get(name)],
            }
            for job in found
            if not job["dry_run"]
        ]

    def _columns(self, upload: Upload, form: Form, proposed: list[Any], status: int = 200) -> Response:
        fields = [
            {"name": one["name"], "required": one["required"], "label": label, "hint": hint}
            for one in proposed
            for label, hint in [self._kind.fields.get(one["name"], (one["name"], ""))]
        ]
        options = [("", _("– not in this file –")), *((column, column) for column in upload.columns)]
        page = render_template(
            "import_columns.html",
            kind=self._kind,
            form=form,
            upload=upload,
            fields=fields,
            options=options,
            samples=upload.samples(),
        )
        return Response(page, status)

    def _show_job(self, step: str, upload: Upload | None, job_id: str, upload_id: str) -> Response:
        job = self._job(job_id)
        if job["dry_run"] != (step == "preview"):
            raise NotFound("This is a job of another step.")
        wrong = self._wrong(job_id) if job["counts"].get("failed") else {"items": [], "next": None}
        page = render_template(
            "import_job.html",
            kind=self._kind,
            step=step,
            upload=upload,
            upload_id=upload_id,
            job=job,
            active=job["state"] in _ACTIVE,
            can_resume=job["state"] in _CAN_RESUME,
            problem=_problem(job),
            outcomes=[(name, word, job["counts"].get(name, 0)) for name, word in OUTCOMES.items()],
            good=sum(number for name, number in job["counts"].items() if name != "failed"),
            bad=job["counts"].get("failed", 0),
            rows=wrong["items"],
            cursor=wrong["next"],
        )
        return Response(page)

    def _wrong(self, job_id: str) -> Any:
        path, cursor = f"{self._kind.api}/{job_id}/rows", request.args.get("cursor", "")
        found = asking.get(self._kind.service, path, outcome="failed", limit=_ROWS, cursor=cursor)
        rows = [{**row, "message": faults.sentence(row["code"], row["message"])} for row in found["items"]]
        return {"items": rows, "next": found["next"]}


def _sent() -> Upload:
    """The file of the form. Raises TableError when none was chosen, TooLarge when it is too large."""
    file = request.files.get("file")
    if file is None or not file.filename:
        raise TableError("FILE_MISSING", "Choose a file.")
    content = file.stream.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise TooLarge("The file is larger than 10 MB. Split it into several files.", code="FILE_TOO_LARGE")
    return Upload(file.filename[-200:], content)


def _problem(job: Any) -> str:
    found = job["problem"] or {}
    return faults.sentence(found.get("code", ""), found.get("detail", found.get("message", ""))) if found else ""


def _csv(content: bytes, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, content_type="text/csv; charset=utf-8", headers=headers)
