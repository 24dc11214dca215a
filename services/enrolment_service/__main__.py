"""`python -m services.enrolment_service worker`."""

import sys

from services.enrolment_service.app import run_worker

if __name__ == "__main__":
    if sys.argv[1:] != ["worker"]:
        sys.exit("usage: python -m services.enrolment_service worker")
    run_worker()
