"""`python -m tests.deploy.lending worker`."""

from tests.deploy.lending.app import FRAME

if __name__ == "__main__":
    FRAME.main()
