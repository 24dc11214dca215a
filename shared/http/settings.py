"""Settings of the HTTP door."""

from dataclasses import dataclass

from shared.settings import setting


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """What the door needs to know of the platform around it. The limits are generous; a proxy may set tighter ones."""

    public_url: str = setting("PUBLIC_URL", "Address of the gateway", example="https://skills.example.org")
    cursor_secret: str = setting(
        "CURSOR_SECRET", "Signs the cursors of lists; the same in every process", example="32 random bytes", secret=True
    )
    trusted_proxies: int = setting(
        "TRUSTED_PROXIES", "Proxies in front whose X-Forwarded-For is believed", example="1", default=1
    )
    requests_per_second: int = setting(
        "REQUESTS_PER_SECOND", "Allowance of one client in one process", example="2000", default=2000
    )
    anonymous_requests_per_second: int = setting(
        "ANONYMOUS_REQUESTS_PER_SECOND",
        "Allowance of one address without a token in one process",
        example="200",
        default=200,
    )
    request_seconds: float = setting(
        "REQUEST_SECONDS",
        "How long a request waits for a database that hangs or elects, in seconds; one that is gone is told at once",
        example="15",
        default=15.0,
    )
    log_level: str = setting("LOG_LEVEL", "debug, info, warning or error", example="info", default="info")


@dataclass(frozen=True, slots=True)
class CrowdSettings:
    """What gunicorn's worker needs to know."""

    waiting_requests: int = setting(
        "WAITING_REQUESTS",
        "Requests that may wait for a thread in one process; further ones are refused at the door",
        example="128",
        default=128,
    )
