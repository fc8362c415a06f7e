"""A disk that fills up in the middle of a stage costs nothing but another run."""

import hashlib
import shutil
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest
from running import (
    fingerprints,
    refuse_loss,
    with_kmeans_alone,
    without_docs,
    write_sample,
)

from warehouse import preflight, snapshots, stages
from warehouse.errors import TesseraError
from warehouse.home import Home

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(1200),
    pytest.mark.usefixtures("without_data_tests"),
]

PLENTY = 400_000_000


@pytest.fixture
def disk(tmp_path: Path) -> Generator[Path]:
    """Give a disk of its own, whose size can be changed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={PLENTY}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def leave_free(disk: Path, n_bytes: int) -> None:
    used = shutil.disk_usage(disk).used
    command = ["mount", "-o", f"remount,size={used + n_bytes}", "tmpfs", str(disk)]
    subprocess.run(command, check=True)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_whatever_stage_fills_the_disk_up_the_next_run_comes_to_the_same(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property
):
    """Nothing is foreseen here: what is, is refused before anything is written."""
    home = Home.at(disk / "home")
    write_sample(home.root, n_users=60, n_days=60)
    with_kmeans_alone(home)
    without_docs(home)
    held_back = home.inbox / "shop" / "order_lines_2025-01.csv"
    shutil.move(held_back, tmp_path / "held_back.csv")
    stages.run(home)
    shutil.move(tmp_path / "held_back.csv", held_back)
    undisturbed = Home.at(tmp_path / "undisturbed")
    shutil.copytree(home.root, undisturbed.root, symlinks=True)
    stages.run(undisturbed)
    expected = fingerprints(undisturbed)
    first = sha256(snapshots.snapshot_path(home, 1))
    monkeypatch.setattr(preflight.space, "require", lambda *_: None)

    told = []
    for stage in ("load", "build", "segment", "publish"):
        for n_bytes in (100_000, 700_000, 3_000_000):
            leave_free(disk, n_bytes)
            try:
                getattr(stages, stage)(home)
            except TesseraError as error:
                told.append(f"{stage} with {n_bytes}: {error}")
            assert sha256(snapshots.snapshot_path(home, 1)) == first
            assert snapshots.current_version(home) in (1, 2)
            leave_free(disk, PLENTY)
        getattr(stages, stage)(home)
    record_property("n_full", len(told))

    assert {line.split()[0] for line in told} == {"load", "build", "segment", "publish"}
    assert [line for line in told if "the disk is full" not in line] == []
    refuse_loss(home)
    assert fingerprints(home) == expected
