"""All jobs of a service over HTTP: for their owners and operators, with their progress as server-sent events."""

from collections.abc import Callable, Iterator
from typing import Any

import orjson
from flask import request
from marshmallow import Schema, fields, validate

from shared.http.door import Call, Door, Reply
from shared.http.fields import one_of
from shared.http.scopes import ANYBODY
from shared.jobs.job import CANCELLED, DONE, FAILED, STATES, Job
from shared.jobs.store import Jobs
from shared.storage.work import UnitOfWork
from shared.tables.writing import INTEGER, MEDIA_TYPES, TEXT, Column, csv_chunks
from shared.wiring.jobs import JobView, add_steps, criteria_of, finder, job_reply, show_job

EVENT_STREAM = "text/event-stream"
_OVER = frozenset({DONE, FAILED, CANCELLED})
_AGAIN_AFTER_MS = 1_000
_NUMBERS, _TEXTS = ("row", "line"), ("outcome", "code", "column", "value", "message", "id")
_COLUMNS = (*(Column(name, INTEGER) for name in _NUMBERS), *(Column(name, TEXT) for name in _TEXTS))
_ROWS_AT_ONCE = 500


class JobQuery(Schema):
    """Which jobs."""

    kind = fields.String(validate=validate.Length(1, 60))
    state = one_of(STATES, "JobState")


def jobs_door(service: str, jobs: Callable[[UnitOfWork | None], Jobs]) -> Door:
    """The routes of one service."""
    door, base, find = Door(service), f"/v1/{service}/jobs", finder(jobs)

    @door.get(base, scope=ANYBODY, query=JobQuery, returns=JobView, paged=True)
    def list_jobs(call: Call) -> Reply:
        """Jobs, the newest first: one's own; a cluster's managers and portal see the cluster's, operators all."""
        found = jobs(None).listed(criteria_of(call.who, **call.query), after=call.after, limit=call.limit)
        last = found[-1].id if len(found) == call.limit else None
        return Reply(call.page([show_job(job, base) for job in found], last))

    @door.get(f"{base}/<job_id>", scope=ANYBODY, returns=JobView)
    def get_job(call: Call, job_id: str) -> Reply:
        """One job."""
        return job_reply(find(call, job_id)[1], base)

    @door.get(f"{base}/<job_id>/progress", scope=ANYBODY, produces=(EVENT_STREAM,))
    def follow_job(call: Call, job_id: str) -> Reply:
        """How far it is, as server-sent events.

        Each answer is short and says when to ask again, so that nobody who watches holds a connection: an EventSource
        does so by itself. 204 ends it, once the end was told.
        """
        job = find(call, job_id)[1]
        told = request.headers.get("Last-Event-ID") == str(job.version)
        if told and job.state in _OVER:
            return Reply(status=204, media_type=EVENT_STREAM)
        return Reply(_event(job, base, told=told), media_type=EVENT_STREAM)

    @door.get(f"{base}/<job_id>/result", scope=ANYBODY, produces=("text/csv",))
    def read_job_result(call: Call, job_id: str) -> Reply:
        """What became of every row so far, as a file of comma-separated values: a line for each row and finding."""
        found, job = find(call, job_id)
        return Reply(b"".join(csv_chunks(_COLUMNS, _rows(found, job.id))), media_type=MEDIA_TYPES["csv"])

    add_steps(door, base, ANYBODY, find, of="job")
    return door


def _rows(jobs: Jobs, job_id: str) -> Iterator[dict[str, Any]]:
    after: str | None = None
    while some := jobs.rows(job_id, outcome=None, after=after, limit=_ROWS_AT_ONCE):
        after = some[-1]["_id"]
        yield from ({**row, "id": row["subject"]} for row in some)


def _event(job: Job, base: str, *, told: bool) -> bytes:
    again = f"retry: {_AGAIN_AFTER_MS}\n"
    if told:
        return f"{again}: nothing new\n\n".encode()
    shown = {
        name: show_job(job, base)[name] for name in ("id", "state", "done", "total", "counts", "problem", "version")
    }
    return f"{again}id: {job.version}\nevent: progress\ndata: {orjson.dumps(shown).decode()}\n\n".encode()
