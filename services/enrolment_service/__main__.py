"""`python -m services.enrolment_service worker`, or `rebuild READ-MODEL`."""

from services.enrolment_service.app import FRAME

if __name__ == "__main__":
    FRAME.main()
