"""`python -m services.catalog_service worker`, or `rebuild READ-MODEL`."""

from services.catalog_service.app import FRAME

if __name__ == "__main__":
    FRAME.main()
