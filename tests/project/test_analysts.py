"""Twenty analysts, each a process, read through ten publications as runs make them."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from running import with_kmeans_alone, without_docs, write_sample

from warehouse import snapshots, stages
from warehouse.home import Home

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(1800),
    pytest.mark.usefixtures("without_data_tests"),
]

N_ANALYSTS, N_PUBLICATIONS = 20, 10

# Connect, compare what a version says of its tables with what is in them, think, again.
ANALYST = """
import json, pathlib, sys, time
import duckdb

current, stop = map(pathlib.Path, sys.argv[1:])
told = {"n_questions": 0, "errors": [], "versions": [], "longest": 0.0}
while not stop.exists():
    began = time.monotonic()
    try:
        with duckdb.connect(str(current), read_only=True) as snapshot:
            ((version,),) = snapshot.execute(
                "select max(snapshot_version) from ops.runs").fetchall()
            said = snapshot.execute(
                "select table_schema || '.' || table_name, n_rows, fingerprint "
                "from ops.snapshot_tables where snapshot_version = ? and table_name in "
                "('users', 'orders', 'user_segments', 'personas')", [version]
            ).fetchall()
            for table, n_rows, fingerprint in said:
                found = snapshot.execute(
                    "select count(*), coalesce(sum(hash(row)::hugeint), 0)::varchar "
                    f"from {table} as row").fetchall()
                if found != [(n_rows, fingerprint)]:
                    told["errors"].append(f"{version} is mixed: {table}")
        if len(said) != 4:
            told["errors"].append(f"{version} tells of {len(said)} tables")
        told["versions"].append(version)
    except Exception as error:
        told["errors"].append(str(error))
    told["n_questions"] += 1
    told["longest"] = max(told["longest"], time.monotonic() - began)
    time.sleep(1)
print(json.dumps(told))
"""


def deliver(home: Home, number: int) -> None:
    """Have ten more people look at a page."""
    source = home.inbox / "kiosk"
    source.mkdir(exist_ok=True)
    columns = {"user_id": "who", "event_name": "what", "occurred_at": "at"}
    (source / "source.yml").write_text(
        json.dumps({"adapter": "generic", "kind": "events", "columns": columns})
    )
    events = [
        {"who": f"k{number}-{who}", "what": "page_view", "at": "2025-01-20T10:00:00Z"}
        for who in range(10)
    ]
    lines = "".join(json.dumps(event) + "\n" for event in events)
    (source / f"{number}.jsonl").write_text(lines)


def test_twenty_analysts_read_through_ten_publications(tmp_path: Path, record_property):
    home = Home.at(tmp_path / "home")
    write_sample(home.root, n_users=60, n_days=60)
    with_kmeans_alone(home)
    without_docs(home)
    with (home.root / "settings.yml").open("a") as settings:
        settings.write("keep_snapshots: 2\n")
    stages.run(home)
    stop = tmp_path / "stop"
    analysts = [
        subprocess.Popen(
            [sys.executable, "-c", ANALYST, str(home.current), str(stop)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(N_ANALYSTS)
    ]

    for number in range(N_PUBLICATIONS - 1):
        deliver(home, number)
        stages.load(home)
        stages.build(home)
        stages.segment(home)
        stages.publish(home)
    time.sleep(3)
    stop.touch()
    told = [json.loads(analyst.communicate(timeout=60)[0]) for analyst in analysts]

    record_property("n_questions", sum(one["n_questions"] for one in told))
    record_property("longest_seconds", max(one["longest"] for one in told))
    assert snapshots.current_version(home) == N_PUBLICATIONS
    for one in told:
        assert one["errors"] == []
        assert one["versions"] == sorted(one["versions"])
        assert one["versions"][-1] == N_PUBLICATIONS
        assert len(set(one["versions"])) > N_PUBLICATIONS / 2
