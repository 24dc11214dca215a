"""`python -m services.directory_service worker`."""

import sys

from services.directory_service.app import run_worker

if __name__ == "__main__":
    if sys.argv[1:] != ["worker"]:
        raise SystemExit("Usage: python -m services.directory_service worker")
    run_worker()
