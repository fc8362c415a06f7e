"""Every linter passes: form, types, import arrows, SQL, YAML, dbt's conventions."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent

COMMANDS = {
    "ruff check": ["ruff", "check", "."],
    "ruff format": ["ruff", "format", "--check", "."],
    "ty": ["ty", "check", "--error-on-warning", "warehouse", "ml", "dags"],
    "import-linter": ["lint-imports", "--no-cache"],
    "sqlfluff": ["sqlfluff", "lint", "dbt_project/models", "dbt_project/tests"],
    "yamllint": ["yamllint", "--strict", "dbt_project", "dbt-bouncer.yml"],
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS.keys())
def test_linter_is_content(command: list[str]):
    program, *arguments = command

    outcome = subprocess.run(
        [BIN / program, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": "", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert outcome.returncode == 0, outcome.stdout[-4000:] + outcome.stderr[-2000:]
