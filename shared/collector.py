"""Python's garbage collector, told that what was loaded at the start stays."""

import gc

_YOUNG = 10_000
"""New containers between two collections; Python's own 700 made the collector a twentieth of an API's time under load."""


def settle() -> None:
    """Call once a process has loaded what it needs: later collections do not look through modules and classes."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 20, 50)
