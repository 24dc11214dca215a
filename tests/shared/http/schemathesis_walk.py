"""For the tests of every service: schemathesis against the running service, over every operation of its document."""

import subprocess
import sys
import tempfile

# Whether valid data is accepted depends on what is stored: versions, keys used before, cursors, states.
_STATE_DECIDES = "positive_data_acceptance"


def assert_no_faults(url: str, token: str, *, examples: int = 20, seed: int = 1, timeout: float = 150) -> None:
    """Fails with schemathesis' report: server errors, undocumented statuses, headers or media types, answers that are not
    as described, bad data taken, methods not refused, protection ignored."""
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json", "--url", url]
    options = ["--checks", "all", "--exclude-checks", _STATE_DECIDES, "--no-color", "--suppress-health-check", "all"]
    amount = ["--max-examples", str(examples), "--seed", str(seed), "--generation-database", "none"]
    with tempfile.TemporaryDirectory() as folder:
        found = subprocess.run(
            [*command, *options, *amount, "-H", f"Authorization: Bearer {token}"],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            cwd=folder,
        )
    assert found.returncode == 0, found.stdout + found.stderr
