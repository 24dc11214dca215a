"""For the tests of every service: schemathesis against the running service, over every operation of its document."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

# Whether valid data is accepted depends on what is stored: versions, keys used before, cursors, states.
_STATE_DECIDES: Final = "positive_data_acceptance"
# RFC 6585 answers a missing If-Match with 428. An operation that was only ever refused for its caller was not walked.
_CONFIG: Final = """
[checks.missing_required_header]
expected-statuses = [400, 401, 403, 415, 422, 428]

[warnings]
fail-on = ["missing_auth"]
"""
_REPOSITORY: Final = Path(__file__).parents[3]


def assert_no_faults(
    url: str,
    token: str | None = None,
    *,
    examples: int = 20,
    seed: int | None = None,
    timeout: float = 150,
    config: str = "",
    environment: Mapping[str, str] | None = None,
) -> None:
    """Fails with schemathesis' report: server errors, undocumented statuses, headers or media types, answers that are not
    as described, bad data taken, methods not refused, protection ignored. It names the operation and how to repeat it.

    The same seed (CLUSTERSKILLS_WALK_SEED, 1 if absent) sends the same requests. `config` is more of schemathesis.toml;
    `environment` may name a module of hooks (SCHEMATHESIS_HOOKS).
    """
    chosen = seed if seed is not None else int(os.environ.get("CLUSTERSKILLS_WALK_SEED", "1"))
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json", "--url", url]
    options = ["--checks", "all", "--exclude-checks", _STATE_DECIDES, "--no-color", "--suppress-health-check", "all"]
    amount = ["--max-examples", str(examples), "--seed", str(chosen), "--generation-database", "none"]
    headers = ["-H", f"Authorization: Bearer {token}"] if token else []
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "schemathesis.toml").write_text(config + _CONFIG, encoding="utf-8")
        try:
            found = subprocess.run(
                [*command, *options, *amount, *headers],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=timeout,
                check=False,
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(_REPOSITORY), **(environment or {})},
            )
        except subprocess.TimeoutExpired as late:
            raise AssertionError(f"The walk took more than {timeout:.0f} s. So far:\n{late.output}") from late
    assert found.returncode == 0, found.stdout
