"""`python -m services.certificate_service worker`."""

import sys

from services.certificate_service.app import run_worker

if __name__ == "__main__":
    if sys.argv[1:] != ["worker"]:
        raise SystemExit("Usage: python -m services.certificate_service worker")
    run_worker()
