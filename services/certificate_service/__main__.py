"""`python -m services.certificate_service worker`, or `rebuild READ-MODEL`."""

from services.certificate_service.app import FRAME

if __name__ == "__main__":
    FRAME.main()
