"""Colours that people can read."""

from hypothesis import given
from hypothesis import strategies as st

from shared.colour import BLACK, LEAST_CONTRAST, WHITE, contrast, mix, readable

COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


def test_contrasts_are_those_of_the_standard() -> None:
    assert (contrast(BLACK), contrast(WHITE)) == (21.0, 1.0)
    assert contrast("#767676") == 4.54  # the lightest grey that passes
    assert contrast("#777777") == 4.47
    assert contrast(WHITE, "#171717") == contrast("#171717", WHITE)


def test_a_mixture_lies_between_its_colours() -> None:
    assert (mix("#102030", WHITE, 0), mix("#102030", WHITE, 1), mix(BLACK, WHITE, 0.5)) == ("#102030", WHITE, "#808080")


@given(COLOURS)
def test_every_colour_becomes_readable_on_a_light_and_on_a_dark_ground(colour: str) -> None:
    assert contrast(readable(colour, "#fafafa", BLACK), "#fafafa") >= LEAST_CONTRAST
    assert contrast(readable(colour, "#262626", WHITE), "#262626") >= LEAST_CONTRAST


def test_a_colour_that_is_readable_stays_as_it_is() -> None:
    assert readable("#0b5d4c", "#fafafa", BLACK) == "#0b5d4c"
