"""The certificate service's HTTP door: parse, one action, render."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from services.certificate_service import domain
from services.certificate_service.actions.certificates import Certificates, Filters, Shown
from services.certificate_service.actions.publishing import CACHE_SECONDS, Publishing
from services.certificate_service.actions.verifying import Verdict, Verifying
from services.certificate_service.adapters.site import Site
from services.certificate_service.domain import Certificate, Withheld
from services.certificate_service.schemas import (
    CertificateQuery,
    CertificateView,
    CredentialQuery,
    EndedView,
    OptionalReason,
    PullView,
    ShareBody,
    ShareList,
    ShareView,
    StatusReason,
    StatusView,
    VerificationBody,
    VerificationView,
    WithheldView,
)
from shared.clock import Clock
from shared.errors import Invalid, Violation
from shared.http.call import JSON
from shared.http.door import PUBLIC, Call, Door, Reply
from shared.http.limits import JsonLimits
from shared.storage.work import UnitOfWork

READ, MANAGE = "certificate:read", "certificate:manage"
CREDENTIAL_TYPES = (JSON, "application/vc", "application/ld+json")
JWT = "application/vc+jwt"
DID_TYPES = (JSON, "application/did+json", "application/did+ld+json")
_VERIFICATION_BYTES = 256 * 1024
_VERIFICATION_LIMITS = JsonLimits(depth=26)
_CACHED = {"Cache-Control": f"public, max-age={CACHE_SECONDS}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """`writing` makes the actions of a unit of work, `reading` those of a fresh one."""

    writing: Callable[[UnitOfWork], Certificates]
    reading: Callable[[], Certificates]
    publishing: Publishing
    verifying: Verifying
    site: Site
    now: Clock


def make_door(parts: Parts) -> Door:
    """All routes of certificates."""
    door = Door("certificate")
    _add_credentials(door, parts)
    _add_public(door, parts)
    _add_reading(door, parts)
    _add_status(door, parts)
    _add_shares(door, parts)
    return door


def _add_credentials(door: Door, parts: Parts) -> None:
    @door.get("/credentials/<certificate_id>", scope=PUBLIC, query=CredentialQuery, produces=CREDENTIAL_TYPES)
    def read_credential(call: Call, certificate_id: str) -> Reply:
        """The credential for its holder, an entitled token or the bearer of a secret; its status for everybody else."""
        return _credential(call, certificate_id)

    @door.get("/v1/credentials/<certificate_id>", scope=PUBLIC, query=CredentialQuery, produces=CREDENTIAL_TYPES)
    def read_credential_too(call: Call, certificate_id: str) -> Reply:
        """The same as /credentials/{id}, for programs."""
        return _credential(call, certificate_id)

    def _credential(call: Call, certificate_id: str) -> Reply:
        found = parts.reading().credential(call.caller, certificate_id, call.query.get("secret"))
        if isinstance(found, bytes):
            return Reply(found, media_type=call.wants, headers={"Vary": "Accept, Authorization"})
        return Reply(_STATUS_VIEW.dump(_status(found, parts.now())), headers={"Vary": "Accept, Authorization"})


def _add_public(door: Door, parts: Parts) -> None:
    @door.get("/issuers/<issuer_id>/did.json", scope=PUBLIC, produces=DID_TYPES)
    def read_did_document(call: Call, issuer_id: str) -> Reply:
        """The public keys of an awarding body, as did:web asks for them."""
        return Reply(parts.publishing.did_document(issuer_id), media_type=call.wants, headers=_CACHED)

    @door.get("/status/<list_id>", scope=PUBLIC, produces=(*CREDENTIAL_TYPES, JWT))
    def read_status_list(call: Call, list_id: str) -> Reply:
        """A Bitstring Status List, signed: which certificates are revoked, without telling whose they are."""
        found = parts.publishing.status_list(list_id)
        body = found.token if call.wants == JWT else found.document
        return Reply(body, media_type=call.wants, headers={**_CACHED, "Vary": "Accept"})

    @door.post(
        "/v1/verifications",
        scope=PUBLIC,
        plain=True,
        body=VerificationBody,
        returns=VerificationView,
        status=200,
        accepts=CREDENTIAL_TYPES,
        max_body=_VERIFICATION_BYTES,
        limits=_VERIFICATION_LIMITS,
        errors=(404,),
    )
    def verify_credential(call: Call) -> Reply:
        """Check a credential line by line. A false one is an answer, not an error.

        An address is one of ours (`links.credential`); with its secret the answer names the holder.
        """
        if len(call.body) != 1:
            raise _one_of_two()
        given = call.body.get("credential")
        verdict = parts.verifying.credential(given) if given is not None else parts.verifying.address(call.body["url"])
        return Reply(_verdict(verdict, parts.now()))


def _add_reading(door: Door, parts: Parts) -> None:
    @door.get(
        "/v1/certificates",
        scope=READ,
        query=CertificateQuery,
        returns=CertificateView,
        paged=True,
        tells=PullView,
        personal="person_id",
    )
    def list_certificates(call: Call) -> Reply:
        """Certificates that the caller may see or awarded, in the order of their last change.

        `pull` is a cursor, there on every page: kept and sent with the next pull it misses nothing and repeats nothing.
        """
        found = parts.reading().page(call.who, Filters(**call.query), call.after or 0, call.limit)
        items = [_shown(one, parts) for one in found.items]
        return Reply(call.pulled(items, found.position, more=found.more))

    @door.get("/v1/certificates/withheld", scope=MANAGE, returns=WithheldView, paged=True)
    def list_withheld(call: Call) -> Reply:
        """Completions that are not certified now: their awarding body has ended its grant, or is suspended.

        They are issued once it is granted again.
        """
        found = parts.reading().withheld(call.who, call.after, call.limit)
        after = found[-1][0].enrolment_id if len(found) == call.limit else None
        return Reply(call.page([_held_back(*one) for one in found], after))

    @door.get("/v1/certificates/<certificate_id>.json", scope=READ, produces=CREDENTIAL_TYPES)
    def read_signed(call: Call, certificate_id: str) -> Reply:
        """The signed credential, for who may see it."""
        return Reply(parts.reading().whole(call.who, certificate_id), media_type=call.wants)

    @door.get("/v1/certificates/<certificate_id>", scope=READ, returns=CertificateView, personal="person_id")
    def read_certificate(call: Call, certificate_id: str) -> Reply:
        """One certificate, as far as the caller may see it."""
        return _reply(parts.reading().get(call.who, certificate_id), parts)


def _add_status(door: Door, parts: Parts) -> None:
    @door.post(
        "/v1/certificates/<certificate_id>/suspend",
        scope=MANAGE,
        body=StatusReason,
        returns=CertificateView,
        status=200,
        if_match="honoured",
    )
    def suspend_certificate(call: Call, certificate_id: str) -> Reply:
        """Not valid for now."""
        acting = parts.writing(call.uow)
        return _reply(acting.suspend(call.who, certificate_id, call.body["reason"], call.if_match), parts)

    @door.post(
        "/v1/certificates/<certificate_id>/reinstate",
        scope=MANAGE,
        body=OptionalReason,
        returns=CertificateView,
        status=200,
        if_match="honoured",
    )
    def reinstate_certificate(call: Call, certificate_id: str) -> Reply:
        """A suspended one is valid again."""
        acting = parts.writing(call.uow)
        return _reply(acting.reinstate(call.who, certificate_id, call.body.get("reason"), call.if_match), parts)

    @door.post(
        "/v1/certificates/<certificate_id>/revoke",
        scope=MANAGE,
        body=StatusReason,
        returns=CertificateView,
        status=200,
        if_match="honoured",
    )
    def revoke_certificate(call: Call, certificate_id: str) -> Reply:
        """Never valid again; this is final."""
        acting = parts.writing(call.uow)
        return _reply(acting.revoke(call.who, certificate_id, call.body["reason"], call.if_match), parts)

    @door.post(
        "/v1/certificates/<certificate_id>/reissue",
        scope=MANAGE,
        returns=CertificateView,
        status=200,
        if_match="honoured",
    )
    def reissue_certificate(call: Call, certificate_id: str) -> Reply:
        """Sign again with the holder's corrected name: same credential id and date of award; the old one is revoked."""
        return _reply(parts.writing(call.uow).reissue(call.who, certificate_id, call.if_match), parts)


def _add_shares(door: Door, parts: Parts) -> None:
    def secret_and_address(share: Mapping[str, Any], certificate_id: str) -> dict[str, Any]:
        secret = parts.reading().share_secret(certificate_id, share["id"])
        return {"secret": secret, "url": f"{parts.site.verify_url(certificate_id)}?secret={secret}"}

    @door.post(
        "/v1/certificates/<certificate_id>/shares",
        scope=READ,
        body=ShareBody,
        returns=ShareView,
        unkept=secret_and_address,
    )
    def share_certificate(call: Call, certificate_id: str) -> Reply:
        """A link to the page where whoever has it sees the whole certificate, for a time. For the holder."""
        return Reply(asdict(parts.writing(call.uow).share(call.who, certificate_id, call.body["days"])))

    @door.get("/v1/certificates/<certificate_id>/shares", scope=READ, returns=ShareList)
    def list_shares(call: Call, certificate_id: str) -> Reply:
        """The links of a certificate, without their secrets. For the holder."""
        return Reply({"items": [asdict(one) for one in parts.reading().shares(call.who, certificate_id)]})

    @door.delete("/v1/certificates/<certificate_id>/shares/<share_id>", scope=READ, returns=EndedView)
    def end_share(call: Call, certificate_id: str, share_id: str) -> Reply:
        """End a link. For the holder."""
        parts.writing(call.uow).end_share(call.who, certificate_id, share_id)
        return Reply({"id": share_id, "ended": True})


_STATUS_VIEW = StatusView()


def _reply(shown: Shown, parts: Parts) -> Reply:
    return Reply(_shown(shown, parts), version=shown.stored.version)


def _shown(shown: Shown, parts: Parts) -> dict[str, Any]:
    stored = shown.stored
    bare = {
        "id": stored.id,
        "visible": shown.visible,
        "version": stored.version,
        "created_at": stored.created_at,
        "updated_at": stored.updated_at,
        "changed_at": stored.changed_at,
    }
    return {**bare, **_content(shown, parts)} if shown.visible else bare


def _content(shown: Shown, parts: Parts) -> dict[str, Any]:
    certificate = shown.stored
    names = (
        *("person_id", "enrolment_id", "employer_id", "cluster_id", "course_id", "course_version", "course_title"),
        *("awarding_body_id", "awarding_body", "awarded_at", "issued_at", "valid_from", "valid_until"),
    )
    return {
        **{name: None if name in shown.withheld else getattr(certificate, name) for name in names},
        "status": domain.standing(certificate, parts.now()),
        "reissues": len(certificate.past_places),
        "holder_erased": certificate.erased,
        "reason": shown.reason,
        "links": {
            "self": f"/v1/certificates/{certificate.id}",
            "credential": parts.site.credential_url(certificate.id),
            "verify": parts.site.verify_url(certificate.id),
        },
    }


def _held_back(award: Withheld, since: datetime) -> dict[str, Any]:
    names = ("enrolment_id", "course_id", "course_version", "awarding_body_id", "reason")
    return {**{name: getattr(award, name) for name in names}, "since": since}


def _status(certificate: Certificate, now: datetime) -> dict[str, Any]:
    standing = domain.standing(certificate, now)
    return {
        "id": certificate.id,
        "status": standing,
        "holder_erased": certificate.erased,
        "summary": f"{standing}, holder erased" if certificate.erased else standing,
        "course": certificate.course_title,
        "awarding_body": certificate.awarding_body,
    }


def _verdict(verdict: Verdict, now: datetime) -> dict[str, Any]:
    return {
        "verified": verdict.verified,
        "checks": [{"name": c.name, "ok": c.ok, "code": c.code, "reason": c.reason} for c in verdict.checks],
        "certificate": None if verdict.certificate is None else _verified(verdict, verdict.certificate, now),
    }


def _verified(verdict: Verdict, certificate: Certificate, now: datetime) -> dict[str, Any]:
    told = verdict.holder is not None
    return {
        **_status(certificate, now),
        "holder": verdict.holder,
        "issued_at": certificate.issued_at if told else None,
        "expires_at": certificate.valid_until if told else None,
    }


def _one_of_two() -> Invalid:
    message = "Send either credential or url."
    return Invalid(message, violations=[Violation(field="", code="ONE_OF_TWO", message=message)])
