"""`python -m services.certificate_service worker`, or `rebuild copies`."""

import sys

from services.certificate_service.app import wire_worker
from shared.wiring.process import run

if __name__ == "__main__":
    run(wire_worker, sys.argv[1:])
