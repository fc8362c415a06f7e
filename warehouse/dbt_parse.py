"""The dbt project, parsed once a process, and as a rule once an installation.

To parse it takes dbt seconds, to read what it parsed before far less. What was parsed
is kept in the project's own `target` folder, for every home and process of this code:
who can write there can change the models themselves. Where nobody may write, or of
other code, each home keeps its own. It holds nothing of a home: dbt parses with
stand-ins for what the profile asks of the environment.
"""

import gc
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from warehouse.errors import TesseraError
from warehouse.ledger import PROJECT, code_fingerprint

DBT_PROJECT = PROJECT / "dbt_project"
SHARED = DBT_PROJECT / "target" / "parsed"

_parsed: list[Any] = []  # the one manifest of this process


def parsed_project(target: Path, places: list[str]) -> Any:
    """Parse the project, or take up what was parsed; the environment is the profile's.

    Parameters
    ----------
    target : Path
        Where dbt writes what it parsed, if there was nothing to take up.
    places : list of str
        dbt's options for its folders, `target` among them.

    Raises
    ------
    TesseraError
        If the project cannot be parsed.
    """
    from dbt.cli.main import dbtRunner

    if _parsed:
        return _parsed[0]
    shared = SHARED / f"{code_fingerprint()}.msgpack"
    is_shared = os.access(shared, os.R_OK)
    taken_up = ["--partial-parse-file-path", str(shared)] if is_shared else []
    outcome = dbtRunner().invoke(["parse", "--no-write-json", *taken_up, *places])
    if not outcome.success:
        raise TesseraError(f"dbt: {outcome.exception}") from outcome.exception
    if not is_shared:
        _share(target / "partial_parse.msgpack", shared)
    _parsed.append(outcome.result)
    gc.collect()
    gc.freeze()  # it stays: whoever looks for garbage need not go through it each time
    return outcome.result


def _share(own: Path, shared: Path) -> None:
    """Keep what a home parsed for all, as a whole or not at all; older code's goes."""
    try:
        SHARED.mkdir(mode=0o700, parents=True, exist_ok=True)
        older = [path for path in SHARED.iterdir() if path != shared]
        descriptor, beside = tempfile.mkstemp(dir=SHARED)
        with os.fdopen(descriptor, "wb") as file, own.open("rb") as parsed:
            shutil.copyfileobj(parsed, file)
        Path(beside).replace(shared)
        for path in older:
            path.unlink(missing_ok=True)
    except OSError:  # nobody may write there: a home has its own
        return
