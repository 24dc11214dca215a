"""The image's health check: an API must be ready; a worker must answer on its metrics port."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request


def main() -> int:
    """Return the exit code that a container engine expects: 0 well, 1 not."""
    port = os.environ.get("CLUSTERSKILLS_METRICS_PORT", "9464")
    api = bool(os.environ.get("CLUSTERSKILLS_APP"))
    address = "http://127.0.0.1:8000/health/ready" if api else f"http://127.0.0.1:{port}/metrics"
    try:
        with urllib.request.urlopen(address, timeout=4):
            return 0
    except (urllib.error.URLError, OSError):
        return 1


if __name__ == "__main__":
    sys.exit(main())
