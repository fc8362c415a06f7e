"""In little memory a run spills and comes to the same; a backlog takes no more."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import psutil
import pytest
from running import ROOT, fingerprints, refuse_loss, with_kmeans_alone, without_docs

from warehouse import stages
from warehouse.home import Home

sys.path.insert(0, str(ROOT / "tests" / "benchmarks"))

from made_up_shop import write_inbox

N_EVENTS, N_USERS = 4_000_000, 24_000
LIMIT = 700_000_000  # bytes; a build that may takes twice as much
STAGES = ("load", "build", "segment", "publish")

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


def write_shop(home: Home, n_events: int, n_users: int) -> None:
    write_inbox(home.inbox, n_events, n_users)
    with_kmeans_alone(home)
    without_docs(home)


def peaks(home: Home, stage: str) -> tuple[int, int]:
    """Run a stage; give the most memory of its processes, and the most it spilt."""
    command = [sys.executable, "-m", "warehouse.cli", stage, "--home", str(home.root)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    memory = spilt = 0
    while process.poll() is None:
        memory = max(memory, resident(process.pid))
        files = list(home.spill.rglob("*")) if home.spill.exists() else []
        spilt = max(spilt, sum(size(file) for file in files))
        time.sleep(0.05)
    assert process.returncode == 0, process.stderr and process.stderr.read()
    return memory, spilt


def resident(pid: int) -> int:
    """Add up the memory of a process and of its children; what they share, once."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        return sum(member.memory_full_info().pss for member in family)
    except psutil.Error:  # it has just ended
        return 0


def size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def test_a_run_in_little_memory_spills_and_comes_to_the_same(
    tmp_path: Path, record_property
):
    """The rest of a process, such as dbt and what it has parsed, is measured apart."""
    empty, little, much = (Home.at(tmp_path / name) for name in ("e", "l", "m"))
    write_shop(empty, 500, 30)
    least_of = {stage: peaks(empty, stage)[0] for stage in STAGES}
    write_shop(much, N_EVENTS, N_USERS)
    shutil.copytree(empty.secrets, much.secrets)  # hashes are of the same keys
    shutil.copytree(much.root, little.root)
    limit_memory(little, LIMIT)

    most_spilt = 0
    for stage, least in least_of.items():
        memory, spilt = peaks(little, stage)
        record_property(f"memory_of_{stage}", memory)
        record_property(f"memory_of_{stage}_of_nothing", least)
        record_property(f"spilt_by_{stage}", spilt)
        assert memory < LIMIT * 1.25 + least
        most_spilt = max(most_spilt, spilt)
    stages.run(much)

    assert most_spilt > LIMIT
    assert list(little.spill.rglob("*")) == []
    refuse_loss(little)
    assert fingerprints(little) == fingerprints(much)


def limit_memory(home: Home, n_bytes: int) -> None:
    with (home.root / "settings.yml").open("a") as settings:
        settings.write(f"memory_limit: {n_bytes // 10**6}MB\n")


def test_ten_days_at_once_keep_to_the_memory_and_come_to_the_same(
    tmp_path: Path, record_property
):
    """As after days on which nothing ran."""
    empty = Home.at(tmp_path / "empty")
    write_shop(empty, 500, 30)
    least, _ = peaks(empty, "load")
    at_once, by_and_by = Home.at(tmp_path / "at_once"), Home.at(tmp_path / "by_and_by")
    write_shop(at_once, N_EVENTS // 2, N_USERS // 2)
    whole = at_once.inbox / "web" / "dump.parquet"
    for part in range(10):
        days = f"day(occurred_at) % 10 = {part}"
        file = whole.with_name(f"{part}.parquet")
        duckdb.sql(f"copy (from '{whole}' where {days}) to '{file}' (format parquet)")
        os.utime(file, (0, 0))
    whole.unlink()
    shutil.copytree(empty.secrets, at_once.secrets)
    shutil.copytree(at_once.root, by_and_by.root)
    limit_memory(at_once, LIMIT // 2)
    (tmp_path / "later").mkdir()
    held_back = sorted((by_and_by.inbox / "web").glob("*.parquet"))[1:]
    for file in held_back:
        file.rename(tmp_path / "later" / file.name)

    of_ten, _ = peaks(at_once, "load")
    record_property("memory_of_ten_files", of_ten)
    assert of_ten < LIMIT // 2 * 1.25 + least
    shutil.copy(by_and_by.root / "settings.yml", at_once.root)
    limit_memory(at_once, LIMIT)  # a build takes more than a load
    stages.run(at_once)
    for part in ([], held_back[:4], held_back[4:]):
        for file in part:
            shutil.move(tmp_path / "later" / file.name, file)
        stages.load(by_and_by)
        stages.build(by_and_by)
    stages.segment(by_and_by)
    stages.publish(by_and_by)
    refuse_loss(at_once)
    assert marts(by_and_by) == marts(at_once)


def marts(home: Home) -> dict[str, tuple]:
    """Leave out segments: models that were fitted on other days may differ."""
    return {
        table: found
        for table, found in fingerprints(home).items()
        if table.startswith("marts.") and table != "marts.identity_changes"
    }
