"""What a token may be allowed to do, and the word for what needs no token. A route with neither cannot be declared."""

from typing import Final

PUBLIC: Final = "public"

SCOPES: Final[dict[str, str]] = {
    "catalog:write": "Write courses and sessions of the own cluster",
    "catalog:review": "Review and publish courses",
    "enrolment:read": "Read enrolments",
    "enrolment:write": "Apply, cancel, accept and decline",
    "enrolment:approve": "Approve or reject for an employer",
    "teaching:write": "Keep rosters: attendance, results, completion",
    "certificate:read": "Read certificates",
    "certificate:manage": "Issue in batches, suspend, revoke, reissue",
    "directory:read": "Read organisations, memberships, people",
    "directory:write": "Write organisations, memberships, people, employments, consents",
    "directory:names": "Names for ids, for our own workers",
    "exchange:read": "Read exchange calls and applications",
    "exchange:write": "Write exchange calls and applications",
    "insight:read": "Read indicators",
    "operations": "Run the service: dead letters, lag, audit, jobs",
}

ANYBODY: Final = ("enrolment:read", "teaching:write", "catalog:write", "catalog:review", "directory:read", "operations")
"""Whoever can sign in has one of these."""
