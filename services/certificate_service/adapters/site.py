"""The addresses that stand in certificates: stable for ever."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, urlsplit

from services.certificate_service.adapters.keys import did_web

_CREDENTIAL = re.compile(r"/(?:(?:v1/)?credentials|verify)/([^/]+)/?", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Site:
    """Where the certificates of this installation are read: `https` is in them, `http` may be used, too."""

    https: str
    http: str

    def credential_url(self, certificate_id: str) -> str:
        """The id of the credential, and where it is read."""
        return f"{self.https}/credentials/{certificate_id}"

    def achievement_url(self, course_id: str, version: int) -> str:
        """The id of what was achieved: one version of a course."""
        return f"{self.https}/v1/courses/{quote(course_id, safe='')}/versions/{version}"

    def list_url(self, list_id: str) -> str:
        """The id of a status list, and where it is read."""
        return f"{self.https}/status/{list_id}"

    def verify_url(self, certificate_id: str) -> str:
        """The page for people."""
        return f"{self.https}/verify/{certificate_id}"

    def did(self, issuer_id: str) -> str:
        """The did of an awarding body."""
        return did_web(self.https, issuer_id)

    def issuer_of(self, did: str) -> str | None:
        """The awarding body whose did this is; None for another site's."""
        start = self.did("x")[:-1]
        return did.removeprefix(start) if did.startswith(start) and "#" not in did else None

    def list_of(self, url: str) -> str | None:
        """The status list at this address; None if it is not ours."""
        start = f"{self.https}/status/"
        return url.removeprefix(start) if url.startswith(start) else None

    def certificate_at(self, url: str) -> tuple[str, str | None] | None:
        """The certificate at this address or with this page, and the secret in it; None if it is not ours.

        Host and number count in upper case, too: some scanners and keyboards write them so.
        """
        try:
            parts = urlsplit(url)
            host = f"{parts.scheme}://{parts.netloc}".lower()
            query = parse_qs(parts.query, max_num_fields=20)
        except ValueError:
            return None
        found = _CREDENTIAL.fullmatch(parts.path)
        if found is None or host not in {self.https, self.http}:
            return None
        number = found[1].lower() if _NUMBER.fullmatch(found[1]) else found[1]
        return number, query.get("secret", [None])[0]
