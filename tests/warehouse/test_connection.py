"""How much memory DuckDB may take."""

from pathlib import Path

import psutil
import pytest

from warehouse.connection import memory_limit, memory_of_machine, open_work
from warehouse.home import Home


@pytest.mark.parametrize(
    ("settings", "total", "limit"),
    [
        ("threads: 2", 64 * 10**9, 1050 * 10**6),
        ("threads: 16", 64 * 10**9, 5200 * 10**6),
        ("threads: 2", 10**9, 750 * 10**6),  # a small machine
        ("threads: 16\nmemory_limit: 50%", 64 * 10**9, 32 * 10**9),
    ],
)
def test_memory_goes_with_threads_and_leaves_the_machine_some(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: str,
    total: int,
    limit: int,
):
    monkeypatch.setattr("warehouse.connection.memory_of_machine", lambda: total)
    (tmp_path / "settings.yml").write_text(settings)

    told = memory_limit(Home.at(tmp_path))

    assert told == f"{limit / 2**20:.0f}MiB"


def test_a_limit_that_is_set_is_taken_as_it_is(tmp_path: Path):
    (tmp_path / "settings.yml").write_text("memory_limit: 4GB")

    assert memory_limit(Home.at(tmp_path)) == "4GB"


@pytest.mark.parametrize(
    ("settings", "limit"), [("threads: 2", 2200), ("memory_limit: 3GB", 3000)]
)
def test_memory_grows_with_what_was_loaded_unless_it_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: str, limit: int
):
    monkeypatch.setattr("warehouse.connection.memory_of_machine", lambda: 64 * 10**9)
    (tmp_path / "settings.yml").write_text(settings)
    home = Home.at(tmp_path)
    with open_work(home) as connection:
        connection.execute("create schema raw")
        connection.execute("create table raw.events as from range(20_000_000)")

    with open_work(home) as connection:
        told = "select parse_formatted_bytes(current_setting('memory_limit')) / 10**6"
        # told in GiB, to one place
        assert connection.execute(told).fetchone() == pytest.approx((limit,), 0.05)


def test_a_container_is_not_more_than_the_machine_that_it_is_on():
    assert 0 < memory_of_machine() < 1.01 * psutil.virtual_memory().total
