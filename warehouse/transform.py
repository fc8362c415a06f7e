"""One call of dbt per layer, and what it says, in words."""

import json
import logging
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from warehouse.connection import (
    memory_limit,
    most_memory,
    open_work,
    usual_memory,
)
from warehouse.dbt_parse import DBT_PROJECT, parsed_project
from warehouse.errors import TesseraError
from warehouse.faults import fault_point
from warehouse.home import Home
from warehouse.space import tells_of_full_disk

BEFORE_IDENTITY = "before_identity"
BEFORE_SEGMENTATION = "before_segmentation"
AFTER_SEGMENTATION = "after_segmentation"

# Unit tests are left to the project's test suite: they say nothing about the data.
NOT_BUILT = ("unit_test",)

Progress = Callable[[str], None]


@dataclass(frozen=True)
class BuildResult:
    """What one call of dbt did."""

    n_models: int
    n_tests: int
    failures: list[str]
    warnings: list[str]

    def __add__(self, other: "BuildResult") -> "BuildResult":
        """Count what two calls did together."""
        return BuildResult(
            n_models=self.n_models + other.n_models,
            n_tests=self.n_tests + other.n_tests,
            failures=[*self.failures, *other.failures],
            warnings=[*self.warnings, *other.warnings],
        )


def build_models(
    home: Home,
    selector: str,
    *,
    as_of: datetime,
    run_id: str,
    full_refresh: bool = False,
    progress: Progress | None = None,
) -> BuildResult:
    """Build and test the models of a selector on the private warehouse of `home`.

    What `NOT_BUILT` names is left out. A model or a test that fails is in `failures`,
    with what dbt says of it. What needs more memory than DuckDB may take is built again
    with `most_memory`, unless `settings.yml` sets a limit.

    Raises
    ------
    TesseraError
        If dbt cannot even begin.
    """
    arguments = ["build", "--no-write-json"]
    for kind in NOT_BUILT:
        arguments += ["--exclude-resource-type", kind]
    if full_refresh:
        arguments.append("--full-refresh")
    stage = "segment" if selector == AFTER_SEGMENTATION else "build"

    def report(message: str) -> None:
        if progress:
            progress(message)
        fault_point(stage)

    variables = dbt_variables(home, as_of, run_id)
    results = call_dbt(home, [*arguments, "--selector", selector], variables, report)
    undone = _undone_for_memory(results)
    if undone and _may_take_more(home):
        report(f"out of memory: {len(undone)} nodes again, with {most_memory()}")
        again = ["--select", *undone, "--indirect-selection", "empty"]
        results = [result for result in results if result.node.name not in undone]
        results += call_dbt(
            home, [*arguments, *again], variables, report, memory=most_memory()
        )
    models = [result for result in results if result.node.resource_type == "model"]
    return BuildResult(
        n_models=len(models),
        n_tests=sum(result.node.resource_type == "test" for result in results),
        failures=_told(results, "error", "fail"),
        warnings=_told(results, "warn"),
    )


def failure_in_words(home: Home, failures: list[str]) -> str:
    """Say what failed, in one sentence, and where dbt tells more."""
    more = f"; and {len(failures) - 5} more" if len(failures) > 5 else ""
    log = home.dbt / "logs" / "dbt.log"
    return f"dbt: {'; '.join(failures[:5])}{more} (full log: {log})"


def generate_docs(home: Home, *, as_of: datetime, run_id: str) -> Path:
    """Write dbt's docs as one static page that asks nothing of any network.

    Returns
    -------
    Path
        The page, in dbt's target folder; the caller moves it to where readers look.
    """
    call_dbt(home, ["docs", "generate", "--static"], dbt_variables(home, as_of, run_id))
    return home.dbt / "target" / "static_index.html"


def published_models() -> set[tuple[str, str]]:
    """Name schema and table of every model that is published."""
    models = DBT_PROJECT / "models"
    folders = {schema: models / schema for schema in ("marts", "segments", "ops")}
    return {
        (schema, path.stem)
        for schema, folder in folders.items()
        for path in folder.rglob("*.sql")
    }


def dbt_variables(home: Home, as_of: datetime, run_id: str) -> dict[str, Any]:
    """Gather every setting that a model may read."""
    settings = home.settings
    return {
        "as_of": as_of.strftime("%Y-%m-%d %H:%M:%S"),
        "run_id": run_id,
        "session_timeout_minutes": settings.session_timeout_minutes,
        "longest_session_hours": settings.longest_session_hours,
        "engaged_gap_seconds": settings.engaged_gap_seconds,
        "bot_events_per_minute": settings.bot_events_per_minute,
        "bot_events_per_day": settings.bot_events_per_day,
        "max_users_per_identifier": settings.max_users_per_identifier,
        "match_threshold": settings.match_threshold,
        "rfm_binning": settings.rfm_binning,
        "provisional_days": settings.provisional_days,
        "reporting_currency": settings.reporting_currency,
        "rules_min_support": settings.rules_min_support,
        "rules_min_confidence": settings.rules_min_confidence,
        "rules_max_items": settings.rules_max_items,
    }


def call_dbt(
    home: Home,
    arguments: list[str],
    variables: dict[str, Any],
    progress: Progress | None = None,
    memory: str | None = None,
):
    """Call dbt in this process, on the project as it was parsed.

    Variables are left out of the parse: they change at every run, and dbt would parse
    everything again. None of them decides what there is to build. `memory` is what
    DuckDB may take meanwhile, if not the usual.

    Returns
    -------
    list
        What dbt says of each node: its status, message and seconds (execution_time).
    """
    from dbt.cli.main import dbtRunner

    from warehouse import dbt_events

    dbt_events.leave_out_what_nobody_hears()
    logging.raiseExceptions = False  # of a log on a full disk: dbt writes two a node
    home.make_private_folders()

    def listen(event) -> None:
        if progress and event.info.name in ("LogModelResult", "LogSeedResult"):
            progress(str(event.info.msg).strip())

    # dbt opens the file for every node; while we have it open, that costs nothing.
    parsed = parse(home)
    with _environment(_profile(home)), open_work(home) as connection:
        if memory:
            connection.execute(f"set memory_limit = '{memory}'")
        runner = dbtRunner(manifest=parsed, callbacks=[listen])
        outcome = runner.invoke(
            [*arguments, "--vars", json.dumps(variables), *_places(home)]
        )
    if outcome.exception:
        raise TesseraError(f"dbt: {outcome.exception}") from outcome.exception
    return getattr(outcome.result, "results", [])


def parse(home: Home) -> Any:
    """Parse the project, or take up what was parsed, and return dbt's manifest.

    Raises
    ------
    TesseraError
        If the project cannot be parsed.
    """
    with _environment(_stand_ins(home)):
        return parsed_project(home.dbt / "target", _places(home))


def _places(home: Home) -> list[str]:
    """Tell dbt where the project is, and where its artifacts and logs go."""
    return [
        *("--project-dir", str(DBT_PROJECT)),
        *("--profiles-dir", str(DBT_PROJECT)),
        *("--target-path", str(home.dbt / "target")),
        *("--log-path", str(home.dbt / "logs")),
        *("--log-level", "none", "--log-level-file", "info"),
        "--no-use-colors-file",
    ]


def _profile(home: Home) -> dict[str, str]:
    """Say what dbt's profile asks of the environment: which warehouse it is."""
    return {
        "TESSERA_WORK_DATABASE": str(home.work_database),
        "TESSERA_SPILL": str(home.spill),
        "TESSERA_MEMORY_LIMIT": memory_limit(home),
        "TESSERA_THREADS": str(home.settings.threads or ""),
    }


def _stand_ins(home: Home) -> dict[str, str]:
    """Say the same of no home in particular: what is parsed is good for all of them."""
    return {
        "TESSERA_WORK_DATABASE": home.work_database.name,
        "TESSERA_SPILL": home.spill.name,
        "TESSERA_MEMORY_LIMIT": "",
        "TESSERA_THREADS": "",
    }


@contextmanager
def _environment(wanted: dict[str, str]) -> Generator[None]:
    """Have variables in the environment, and dbt send no statistics, for a block."""
    wanted = wanted | {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _undone_for_memory(results: list) -> list[str]:
    """Name what failed and what was skipped, if memory is all that was missing."""
    failed = [result for result in results if result.status in ("error", "fail")]
    told = [TesseraError(str(result.message)) for result in failed]
    if any(
        "Out of Memory Error" not in str(error) or tells_of_full_disk(error)
        for error in told
    ):
        return []
    undone = ("error", "skipped")
    return [result.node.name for result in results if result.status in undone]


def _may_take_more(home: Home) -> bool:
    """Tell whether no limit is set, and the usual one is not all that there is."""
    if home.settings.memory_limit:
        return False
    with open_work(home) as connection:
        return usual_memory(connection, home) != most_memory()


def _told(results: list, *statuses: str) -> list[str]:
    """List, in words, the nodes that ended so."""
    return [_in_words(result) for result in results if result.status in statuses]


def _in_words(result) -> str:
    """Say which node failed or warned, and why."""
    kind = result.node.resource_type
    return f"{kind} {result.node.name}: {' '.join(str(result.message).split())}"
