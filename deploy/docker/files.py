"""Run while the image is built: puts the pages' files of others and the demo's partnerships where the portal reads them."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from deploy.local import frontend, portal


def main(target: Path) -> None:
    """Write `target/frontend` and `target/partnerships.json`."""
    shutil.copytree(frontend.folder(print), target / "frontend")
    (target / "partnerships.json").write_text(portal.partnerships(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
