"""What only the directory needs to know."""

from dataclasses import dataclass

from shared.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectorySettings:
    """What only services that are given partners' numbers need to know."""

    external_ref_secret: str = setting(
        "EXTERNAL_REF_SECRET",
        "Keys the hashes of partners' own numbers; the same in every service",
        example="32 random bytes",
        secret=True,
    )
