"""All jobs of a service over HTTP: for their owners and operators, with their progress as server-sent events."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from flask import request
from marshmallow import Schema, fields, validate

from shared.auth.caller import Caller
from shared.errors import NotFound
from shared.http.door import Call, Door, Reply
from shared.http.scopes import ANYBODY
from shared.jobs.job import CANCELLED, DONE, FAILED, PAUSED, RUNNING, WAITING, Job
from shared.jobs.store import JobCriteria, Jobs
from shared.storage.work import UnitOfWork
from shared.wiring.jobs import JobView, job_reply, sees, show_job

EVENT_STREAM = "text/event-stream"
_OVER = frozenset({DONE, FAILED, CANCELLED})
_AGAIN_AFTER_MS = 1_000


class JobQuery(Schema):
    """Which jobs."""

    kind = fields.String(validate=validate.Length(1, 60))
    state = fields.String(validate=validate.OneOf((WAITING, RUNNING, PAUSED, DONE, FAILED, CANCELLED)))


@dataclass(frozen=True, slots=True)
class _Desk:
    """The jobs of a unit of work, None: of a fresh one to read."""

    jobs: Callable[[UnitOfWork | None], Jobs]

    def of(self, call: Call, job_id: str) -> tuple[Jobs, Job]:
        """The job, if it is the caller's business."""
        found = self.jobs(call.work)
        job = found.get(job_id)
        if not sees(call.who, job):
            raise NotFound(f"No job {job_id}.")
        return found, job


def jobs_door(service: str, jobs: Callable[[UnitOfWork | None], Jobs]) -> Door:
    """The routes of one service."""
    door, base, desk = Door(service), f"/v1/{service}/jobs", _Desk(jobs)

    @door.get(base, scope=ANYBODY, query=JobQuery, returns=JobView, paged=True)
    def list_jobs(call: Call) -> Reply:
        """Jobs, the newest first: one's own; a cluster's managers and portal see the cluster's, operators all."""
        found = jobs(None).listed(JobCriteria(**call.query, **_reach(call.who)), after=call.after, limit=call.limit)
        last = found[-1].id if len(found) == call.limit else None
        return Reply(call.page([show_job(job, base) for job in found], last))

    @door.get(f"{base}/<job_id>", scope=ANYBODY, returns=JobView)
    def get_job(call: Call, job_id: str) -> Reply:
        """One job."""
        return job_reply(desk.of(call, job_id)[1], base)

    @door.get(f"{base}/<job_id>/progress", scope=ANYBODY, produces=(EVENT_STREAM,))
    def follow_job(call: Call, job_id: str) -> Reply:
        """How far it is, as server-sent events.

        Each answer is short and says when to ask again, so that nobody who watches holds a connection: an EventSource
        does so by itself. 204 ends it, once the end was told.
        """
        job = desk.of(call, job_id)[1]
        told = request.headers.get("Last-Event-ID") == str(job.version)
        if told and job.state in _OVER:
            return Reply(status=204, media_type=EVENT_STREAM)
        return Reply(_event(job, base, told=told), media_type=EVENT_STREAM)

    _add_steps(door, base, desk)
    return door


def _add_steps(door: Door, base: str, desk: _Desk) -> None:
    options: dict[str, Any] = {"scope": ANYBODY, "returns": JobView, "status": 200, "errors": (404, 409)}

    @door.post(f"{base}/<job_id>/cancel", **options)
    def cancel_job(call: Call, job_id: str) -> Reply:
        """End it before its next rows; what is committed stays."""
        found, job = desk.of(call, job_id)
        return job_reply(found.cancel(job.id), base)

    @door.post(f"{base}/<job_id>/resume", **options)
    def resume_job(call: Call, job_id: str) -> Reply:
        """Go on behind the last row that was committed."""
        found, job = desk.of(call, job_id)
        return job_reply(found.resume(job.id), base)


def _event(job: Job, base: str, *, told: bool) -> bytes:
    again = f"retry: {_AGAIN_AFTER_MS}\n"
    if told:
        return f"{again}: nothing new\n\n".encode()
    shown = {
        name: show_job(job, base)[name] for name in ("id", "state", "done", "total", "counts", "problem", "version")
    }
    return f"{again}id: {job.version}\nevent: progress\ndata: {orjson.dumps(shown).decode()}\n\n".encode()


def _reach(who: Caller) -> dict[str, str | None]:
    """As `sees`, for a list."""
    if "operations" in who.scopes:
        return {}
    wide = who.person_id is None or "manager" in who.roles
    return {"cluster": who.cluster_id or "", "actor": None if wide else who.subject}
