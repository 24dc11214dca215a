"""Jobs over HTTP: followed by their owner and operators, cancelled, resumed, their rows read; and how uploads are kept."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, BinaryIO

from marshmallow import Schema, fields

from shared.auth.caller import Caller
from shared.auth.visibility import is_cluster_wide
from shared.errors import NotFound
from shared.files import Files
from shared.http.door import Call, Door, Reply, Upload
from shared.http.fields import links, mapping, one_of, text
from shared.jobs.job import STATES, Job
from shared.jobs.store import JobCriteria, Jobs
from shared.storage.work import UnitOfWork
from shared.tables.outcomes import FAILED, mending_columns, to_mend
from shared.tables.reading import open_table
from shared.tables.table import Fault, Row
from shared.tables.writing import MEDIA_TYPES, Column, csv_chunks
from shared.wiring.audit import SCOPE, note_step

KEPT = timedelta(days=7)
"""How long an upload can be read: for the import, and to send its failed rows back."""
_CHUNK = 1 << 18


@dataclass(frozen=True, slots=True)
class KeepFile:
    """Asks that an upload be kept; the answer is the file's id. Answered apart: the committing thread does not wait."""

    digest: str
    tenant: str
    name: str
    media_type: str
    content: bytes = field(repr=False, compare=False)

    @classmethod
    def of(cls, upload: Upload, *, tenant: str) -> "KeepFile":
        """The question for this upload."""
        digest = hashlib.sha256(upload.content).hexdigest()
        return cls(digest, tenant, upload.filename[:200], upload.media_type, upload.content)


def keeper(files: Files) -> Callable[[KeepFile], str]:
    """Answers KeepFile."""

    def keep(question: KeepFile) -> str:
        content = question.content
        chunks = (content[start : start + _CHUNK] for start in range(0, len(content), _CHUNK))
        kept = files.write(
            chunks,
            tenant=question.tenant,
            name=question.name,
            media_type=question.media_type,
            kept=KEPT,
            limit=len(content),
        )
        return kept.id

    return keep


class JobView(Schema):
    """A job: how far it is, and what became of its rows."""

    id = fields.String(required=True)
    version = fields.Integer(required=True)
    created_at = fields.AwareDateTime(required=True)
    updated_at = fields.AwareDateTime(required=True)
    kind = fields.String(required=True)
    cluster_id = fields.String(required=True)
    state = one_of(STATES, "JobState", required=True)
    dry_run = fields.Boolean(required=True)
    done = fields.Integer(required=True, metadata={"description": "Rows that were looked at"})
    total = fields.Integer(required=True, allow_none=True, metadata={"description": "Null while nobody knows"})
    counts = mapping("Counts", fields.Integer(), required=True)
    problem = mapping("JobProblem", required=True, allow_none=True)
    mapping = mapping("ColumnMapping", required=True)
    unused = fields.List(fields.String(), required=True, metadata={"description": "Columns that mean nothing here"})
    started_at = fields.AwareDateTime(required=True, allow_none=True)
    ended_at = fields.AwareDateTime(required=True, allow_none=True)
    links = links()


class RowsQuery(Schema):
    """Which rows."""

    outcome = text(40)


class JobRowView(Schema):
    """What became of a row. `row` counts the rows of data from 1, `line` is its place in the file."""

    row = fields.Integer(required=True)
    line = fields.Integer(required=True)
    outcome = fields.String(required=True)
    code = fields.String(required=True)
    column = fields.String(required=True)
    value = fields.String(required=True)
    message = fields.String(required=True)
    id = fields.String(required=True)


def job_reply(job: Job, base: str, *, made: bool = False) -> Reply:
    """A job with its ETag."""
    location = f"{base}/{job.id}" if made else None
    return Reply(show_job(job, base), status=202 if made else None, version=job.version, location=location)


def add_job_routes(
    door: Door,
    base: str,
    kind: str,
    *,
    scope: str,
    jobs: Callable[[UnitOfWork | None], Jobs],
    open_file: Callable[[str], BinaryIO],
) -> None:
    """The routes of one kind of job below `base`. `jobs` gives those of a unit of work, or of a fresh one to read."""

    own = finder(jobs, kind)

    @door.get(f"{base}/<job_id>", scope=scope, returns=JobView)
    def read_import(call: Call, job_id: str) -> Reply:
        """How far the import is."""
        return job_reply(own(call, job_id)[1], base)

    @door.get(f"{base}/<job_id>/rows", scope=scope, query=RowsQuery, returns=JobRowView, paged=True)
    def list_import_rows(call: Call, job_id: str) -> Reply:
        """What became of each row, in their order."""
        found, job = own(call, job_id)
        rows = found.rows(job.id, outcome=call.query.get("outcome"), after=call.after, limit=call.limit)
        last = rows[-1]["_id"] if len(rows) == call.limit else None
        return Reply(call.page([{**row, "id": row["subject"]} for row in rows], last))

    @door.get(f"{base}/<job_id>/failed.csv", scope=scope, produces=("text/csv",))
    def read_failed_rows(call: Call, job_id: str) -> Reply:
        """The failed rows as they were sent, each with what is wrong: to mend and send again."""
        found, job = own(call, job_id)
        table = open_table(open_file(job.input or ""))
        columns = [Column(name) for name in mending_columns(table.columns)]
        body = b"".join(csv_chunks(columns, _failed(found, job, table.rows)))
        return Reply(body, media_type=MEDIA_TYPES["csv"])

    add_steps(door, base, scope, own, of="import")


Find = Callable[[Call, str], tuple[Jobs, Job]]
"""The jobs of a call's unit of work, of a fresh one to read where it has none, and the job with this id."""


def finder(jobs: Callable[[UnitOfWork | None], Jobs], kind: str | None = None) -> Find:
    """Finds a job, of one kind if it is named, that is the caller's business; else NotFound."""

    def find(call: Call, job_id: str) -> tuple[Jobs, Job]:
        found = jobs(call.work)
        job = found.get(job_id)
        if kind not in {None, job.kind} or not _sees(call.who, job):
            raise NotFound(f"No job {job_id}.")
        return found, job

    return find


def add_steps(door: Door, base: str, scope: str | tuple[str, ...], find: Find, *, of: str) -> None:
    """What can be done with a job below `base`. `of` ends the names of the operations."""

    def cancel(call: Call, job_id: str) -> Reply:
        """End it before its next rows; what is committed stays."""
        found, job = find(call, job_id)
        _note(call, job, "cancel")
        return job_reply(found.cancel(job.id), base)

    def resume(call: Call, job_id: str) -> Reply:
        """Go on behind the last row that was committed."""
        found, job = find(call, job_id)
        _note(call, job, "resume")
        return job_reply(found.resume(job.id), base)

    for step in (cancel, resume):
        action, step.__name__ = step.__name__, f"{step.__name__}_{of}"
        door.post(f"{base}/<job_id>/{action}", scope=scope, returns=JobView, status=200, errors=(404, 409))(step)


def _note(call: Call, job: Job, action: str) -> None:
    """An operator's step on somebody else's job is told by the audit."""
    if SCOPE in call.who.scopes and call.who.subject != job.actor:
        note_step(call.uow, at=call.uow.clock(), subject=call.who.subject, action=action, target=f"job/{job.id}")


def criteria_of(who: Caller, **asked: str) -> JobCriteria:
    """Jobs that are the caller's business: one's own; for a cluster's portal and manager the cluster's; for operators
    all."""
    if SCOPE in who.scopes:
        return JobCriteria(**asked)
    return JobCriteria(**asked, cluster=who.cluster_id or "", actor=None if is_cluster_wide(who) else who.subject)


def _sees(who: Caller, job: Job) -> bool:
    """As `criteria_of`, for one."""
    if SCOPE in who.scopes:
        return True
    return who.cluster_id == job.cluster_id and (who.subject == job.actor or is_cluster_wide(who))


def show_job(job: Job, base: str) -> dict[str, Any]:
    """A job as its schema wants it."""
    names = ("id", "version", "created_at", "updated_at", "kind", "cluster_id", "state", "dry_run")
    links = {"self": f"{base}/{job.id}", "rows": f"{base}/{job.id}/rows", "failed": f"{base}/{job.id}/failed.csv"}
    return {
        **{name: getattr(job, name) for name in (*names, "done", "total", "problem")},
        "counts": dict(job.counts),
        "mapping": dict(job.options.get("mapping", {})),
        "unused": list(job.options.get("unused", ())),
        "started_at": job.started_at,
        "ended_at": job.ended_at,
        "links": links,
    }


def _failed(jobs: Jobs, job: Job, rows: Iterator[Row]) -> Iterator[dict[str, Any]]:
    wrong = _faults(jobs, job)
    number, faults = next(wrong, (0, []))
    for row in rows:
        if row.number == number:
            yield to_mend(row.cells, faults)
            number, faults = next(wrong, (0, []))
        if not number:
            return


def _faults(jobs: Jobs, job: Job) -> Iterator[tuple[int, list[Fault]]]:
    """Row by row what is wrong, in the order of the rows."""
    after: str | None = None
    number, faults = 0, list[Fault]()
    while some := jobs.rows(job.id, outcome=FAILED, after=after, limit=500):
        after = some[-1]["_id"]
        for one in some:
            if one["row"] != number and faults:
                yield number, faults
                faults = []
            number = one["row"]
            faults.append(Fault(code=one["code"], message=one["message"], column=one["column"]))
    if faults:
        yield number, faults
