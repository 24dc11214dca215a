"""Local files of artefacts: from the cache, or downloaded when it lacks them."""

from collections.abc import Iterable
from pathlib import Path

from deploy.local.artefacts import Artefact, Say, has, locked, place


def fetch(artefacts: Iterable[Artefact], title: str, say: Say) -> list[Path]:
    """Return the local files of these artefacts, downloading what the cache lacks."""
    wanted = list(artefacts)
    missing = [artefact for artefact in wanted if not has(artefact)]
    if missing:
        from deploy.local.download import download_all  # what it needs takes longer to load than all else of a start

        with locked(f"download-{title.lower()}", say):
            download_all([artefact for artefact in missing if not has(artefact)], title, say)
    return [place(artefact) for artefact in wanted]
