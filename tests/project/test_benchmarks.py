"""The benchmark compares what is alike: Tessera and its peers come to the same rows."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
HAS_PEERS = all(map(importlib.util.find_spec, ("polars", "mlxtend")))


def run(script: str, *arguments: object) -> dict:
    """Run a script of the benchmark; read the last line that it prints."""
    outcome = subprocess.run(
        [sys.executable, BENCHMARKS / script, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr[-4000:]
    return json.loads(outcome.stdout.splitlines()[-1])


def test_a_shop_is_written_alike_twice_and_a_peer_finds_what_was_written(
    tmp_path: Path,
):
    written = [
        run("web_shop.py", "--out", tmp_path / name, "--users", 300)
        for name in ("one", "other")
    ]
    dumps = [
        sorted(path.read_bytes() for path in (tmp_path / name).rglob("*.jsonl"))
        for name in ("one", "other")
    ]
    last_day = tmp_path / "one" / "last_day" / "shop" / "2025-12-31.jsonl"
    last_day.rename(tmp_path / "one" / "inbox" / "shop" / last_day.name)
    found = run("peers/in_sql.py", tmp_path / "one" / "inbox", tmp_path / "peer")

    assert dumps[0] == dumps[1]
    assert written[0] == written[1]
    assert found["rows"]["loaded"] == written[0]["n_events"]
    assert found["rows"]["events"] == written[0]["n_distinct"]
    assert 0 < found["rows"]["rfm"] < 300 < found["rows"]["sessions"]


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "peers",
    [
        ["SQL"],
        pytest.param(
            ["Polars", "pandas"],
            marks=pytest.mark.skipif(
                not HAS_PEERS, reason="`make .venv/.benchmark` installs these peers"
            ),
        ),
    ],
)
def test_tessera_and_its_peers_come_to_the_same_rows(peers: list[str]):
    runs = run("bench.py", "--users", 300, "--rounds", 1, "--peers", *peers)["runs"]

    full = runs["full"]["rows"]
    for name in peers:
        assert runs[name]["rows"] == full, name
    assert runs["one more day"]["rows"]["events"] > full["events"]
    assert runs["nothing new"]["rows"] == runs["one more day"]["rows"]
    assert runs["nothing new"]["core"]["snapshot"] == 0
