"""Settings of the HTTP door."""

from dataclasses import dataclass

from shared.settings import setting


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """What the door needs to know of the house around it. The limits are generous; a proxy may set tighter ones."""

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
    log_level: str = setting("LOG_LEVEL", "debug, info, warning or error", example="info", default="info")
