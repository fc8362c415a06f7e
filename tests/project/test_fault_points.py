"""Killed at any fault point, the next run comes to the same, and loses nothing.

A process that is killed leaves what it has written, and nothing else. So a run is not
killed at each point, one after another: the home is copied at each, as the run passes
by, and what comes of the copy is looked at. Kills of real processes are elsewhere, in
`test_accidents` and `test_surviving`.
"""

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from running import (
    fingerprints,
    query,
    refuse_loss,
    with_kmeans_alone,
    without_docs,
    write_sample,
)

from warehouse import faults, snapshots, stages
from warehouse.home import Home

pytestmark = pytest.mark.usefixtures("without_data_tests")

N_WORKERS = 2
WAITING = 6  # copies that lie there at a time


class Photographer(Counter):
    """Takes the place of the count of fault points: copies a home at each."""

    def __init__(self, take: Callable[[str, int], None]) -> None:
        super().__init__()
        self._take = take

    def __setitem__(self, stage: str, number: int) -> None:
        super().__setitem__(stage, number)
        self._take(stage, number)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def refuse_any_trace(
    root: Path, expected: dict[str, tuple], first_sha256: str, n_files: int
) -> None:
    """Check all that is promised of a home that was left in the middle; remove it."""
    home = Home.at(root)
    snapshots_before = snapshots.versions(home)
    seen = query(home, "select max(snapshot_version) from ops.runs")  # O3
    assert seen == [(snapshots.current_version(home),)]
    assert sha256(snapshots.snapshot_path(home, 1)) == first_sha256  # O6
    refuse_loss(home)

    stages.run(home)

    assert fingerprints(home) == expected  # O2
    refuse_loss(home)
    loaded = query(home, "select count(*) from ops.loaded_files")
    assert loaded == [(n_files,)]
    assert snapshots.versions(home) == [1, 2]
    assert set(snapshots_before) <= {1, 2}
    assert sha256(snapshots.snapshot_path(home, 1)) == first_sha256
    leftovers = [*home.published.rglob(".*.partial"), *home.warehouse.glob("*.damaged")]
    assert leftovers == []
    shutil.rmtree(root)


@pytest.fixture
def survivors() -> Iterator[ProcessPoolExecutor]:
    """Give processes that look at copies; they are there before DuckDB is opened."""
    with ProcessPoolExecutor(N_WORKERS, get_context("fork")) as pool:
        for started in [pool.submit(os.getpid) for _ in range(N_WORKERS)]:
            started.result()
        yield pool


@pytest.mark.long
@pytest.mark.timeout(5400)
def test_at_every_fault_point_a_run_may_be_killed(
    survivors: ProcessPoolExecutor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable,
):
    """The run is a second one: there is a snapshot to lose, and one dump more to load.

    Set ``TESSERA_FAULTS_EVERY`` to look at every n-th point alone.
    """
    every = int(os.environ.get("TESSERA_FAULTS_EVERY", "1"))
    home = Home.at(tmp_path / "home")
    write_sample(home.root, n_users=30, n_days=31)
    with_kmeans_alone(home)
    without_docs(home)
    held_back = home.inbox / "shop" / "order_lines_2025-01.csv"
    held_back.rename(tmp_path / "held_back.csv")
    stages.run(home)
    shutil.move(tmp_path / "held_back.csv", held_back)
    first_sha256 = sha256(snapshots.snapshot_path(home, 1))
    undisturbed = Home.at(tmp_path / "undisturbed")
    shutil.copytree(home.root, undisturbed.root, symlinks=True)
    stages.run(undisturbed)
    expected = fingerprints(undisturbed)
    assert expected != fingerprints(home)
    ((n_files,),) = query(undisturbed, "select count(*) from ops.loaded_files")
    waiting: list[Future] = []

    def photograph(stage: str, number: int) -> None:
        if number % every:
            return
        copy = tmp_path / f"{stage}-{number}"
        shutil.copytree(home.root, copy, symlinks=True)
        waiting.append(
            survivors.submit(refuse_any_trace, copy, expected, first_sha256, n_files)
        )
        if len(waiting) > WAITING:
            waiting.pop(0).result()

    passed = Photographer(photograph)
    monkeypatch.setenv("TESSERA_FAULT", "none:0")
    monkeypatch.setattr(faults, "_passed", passed)
    stages.run(home)
    for looked_at in waiting:
        looked_at.result()

    assert fingerprints(home) == expected
    for stage, number in passed.items():
        record_property(f"n_points_of_{stage}", number // every)
    assert passed.keys() >= {"load", "build", "segment", "publish"}
    assert passed["build"] > 70  # a model is a point
