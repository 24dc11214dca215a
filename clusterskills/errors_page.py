"""The page of error codes, made from their catalogue: `python -m clusterskills.errors_page` writes docs/errors.md anew."""

from pathlib import Path

from shared.codes import SECTIONS

PAGE = Path(__file__).parents[1] / "docs" / "errors.md"
_HEAD = """# Error codes

Errors are problems (RFC 9457): `code` says what was refused, each of `violations` a rule that was broken, with its own
`code`. The same codes stand in the rows of an import and in the checks of a verification. A program decides by the code;
the sentence beside it may change. Made from `shared/codes.py` by `python -m clusterskills.errors_page`.
"""


def rendered() -> str:
    """The page as Markdown: a table for each part of the platform."""
    return _HEAD + "".join(_section(name) for name in SECTIONS)


def _section(name: str) -> str:
    rows = "".join(f"| `{code}` | {text} |\n" for code, text in sorted(SECTIONS[name].items()))
    return f"\n## {name}\n\n| code | what it says |\n|---|---|\n{rows}"


def main() -> None:
    """Rewrite the page."""
    PAGE.write_text(rendered(), encoding="utf-8")


if __name__ == "__main__":
    main()
