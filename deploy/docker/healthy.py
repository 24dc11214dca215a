"""The image's health check: an API must be ready; a worker must answer on its metrics port."""

from __future__ import annotations

import http
import http.client
import os
import sys


def main() -> int:
    """Return the exit code that a container engine expects: 0 well, 1 not."""
    metrics = int(os.environ.get("CLUSTERSKILLS_METRICS_PORT", "9464"))
    port, path = (8000, "/health/ready") if os.environ.get("CLUSTERSKILLS_APP") else (metrics, "/metrics")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=4)
    try:
        connection.request("GET", path)
        return 0 if connection.getresponse().status == http.HTTPStatus.OK else 1
    except OSError:
        return 1
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
