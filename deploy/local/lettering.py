"""The pages' typeface: Inter out of its pinned package, cut to the scripts of our languages, in the form browsers want."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont
from fontTools.varLib import instancer

PACKAGE = "fontpkg_inter"
_SOURCE, _LICENCE = "files/Inter[opsz,wght].ttf", "LICENSE"
_SIZE, _WEIGHTS = 14, (400, 700)
# Latin, Greek and Cyrillic with their marks, and the signs of texts: punctuation, currencies, arrows, minus.
_LETTERS = (
    *((0x20, 0x250), (0x2B0, 0x300), (0x370, 0x530), (0x1E00, 0x1F00), (0x2000, 0x2070)),
    *((0x20A0, 0x20C0), (0x2116, 0x2117), (0x2122, 0x2123), (0x2190, 0x219A), (0x2212, 0x2213)),
)
_FEATURES = ["kern", "liga", "calt", "ccmp", "locl", "mark", "mkmk", "tnum"]


def make(folder: Path) -> None:
    """Write `served/inter.woff2`, one file for all weights from regular to bold, and its licence into the folder."""
    package = files(PACKAGE)
    with package.joinpath(_SOURCE).open("rb") as source:
        font = TTFont(source, lazy=False)
    options = subset.Options(layout_features=_FEATURES)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=[letter for first, end in _LETTERS for letter in range(first, end)])
    cutter.subset(font)
    font = instancer.instantiateVariableFont(font, {"opsz": _SIZE, "wght": _WEIGHTS})
    font.flavor = "woff2"
    font.save(folder / "served" / "inter.woff2")
    (folder / "licences" / "inter").write_bytes(package.joinpath(_LICENCE).read_bytes())
