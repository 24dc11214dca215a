"""What only enrolment needs to know."""

from dataclasses import dataclass

from shared.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentSettings:
    """What only this service reads."""

    external_ref_secret: str = setting(
        "EXTERNAL_REF_SECRET", "Keys the hash of partners' own numbers", example="32 random bytes", secret=True
    )
