"""`python -m services.directory_service worker`, or `rebuild READ-MODEL`."""

from services.directory_service.app import FRAME

if __name__ == "__main__":
    FRAME.main()
