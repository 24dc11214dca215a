"""`python -m services.enrolment_service worker`, `rebuild READ-MODEL`, or `seats [--repair]`."""

import sys

from services.enrolment_service import checking
from services.enrolment_service.app import FRAME

if __name__ == "__main__":
    if sys.argv[1:2] == ["seats"]:
        checking.main(sys.argv[2:])
    FRAME.main()
