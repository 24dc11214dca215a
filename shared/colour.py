"""Colours as `#rrggbb`: how well one is read on another, and mixtures of two."""

from collections.abc import Iterable
from math import floor
from typing import Final

WHITE: Final = "#ffffff"
BLACK: Final = "#000000"
LEAST_CONTRAST: Final = 4.5
"""WCAG 2.2, 1.4.3, level AA: text of usual size."""


def contrast(one: str, other: str = WHITE) -> float:
    """The contrast of two colours by WCAG 2.2: 1 to 21, to two decimals, never rounded up to what it does not reach."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return floor((light + 0.05) / (dark + 0.05) * 100 + 1e-9) / 100


def mix(one: str, other: str, share: float) -> str:
    """A mixture that holds `share` (0 to 1) of the other colour."""
    pairs = zip(channels(one), channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def readable(colour: str, ground: str, towards: str) -> str:
    """The colour, mixed with as little of `towards` as makes it readable on `ground`."""
    steps: Iterable[str] = (mix(colour, towards, step / 25) for step in range(26))
    return next((one for one in steps if contrast(one, ground) >= LEAST_CONTRAST), towards)


def channels(colour: str) -> tuple[int, int, int]:
    """Red, green and blue, 0 to 255."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return red, green, blue


def _luminance(colour: str) -> float:
    shares = (channel / 255 for channel in channels(colour))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
