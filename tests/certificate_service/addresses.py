"""Where a certificate is found, and what its status list says."""

from services.certificate_service.adapters.status_list import StatusList
from tests.certificate_service.service import (
    Service,
)


def bits(service: Service, list_id: str) -> StatusList:
    document = service.get(f"/status/{list_id}").json
    return StatusList.decode(document["credentialSubject"]["encodedList"])


def certificate_url(certificate_id: str) -> str:
    return f"https://localhost:8443/credentials/{certificate_id}"
