"""What only the portal is given: the folder of front-end files, and the partnerships of the seed with their tenants' ids."""

from __future__ import annotations

import json
from pathlib import Path

from deploy.identity import ids
from deploy.local import frontend
from deploy.local.artefacts import Say

_SEED = Path(__file__).parents[2] / "clusterskills" / "seed" / "partnerships.json"


def settings(home: Path, say: Say) -> dict[str, str]:
    """Return the portal's own settings by name; writes its file of partnerships into `home`."""
    home.mkdir(parents=True, exist_ok=True)
    file = home / "partnerships.json"
    file.write_text(partnerships(), encoding="utf-8")
    return {"FRONTEND_DIR": str(frontend.folder(say)), "PARTNERSHIPS_FILE": str(file), "DEMO": "true"}


def partnerships() -> str:
    """Return the seed's partnerships as the portal reads them."""
    content = json.loads(_SEED.read_text(encoding="utf-8"))
    for cluster in content["clusters"]:
        cluster["id"] = ids.cluster_id(cluster["slug"])
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
