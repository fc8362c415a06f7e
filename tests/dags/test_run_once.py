"""`make run`: real Airflow runs the real stages, says little, and repeats cheaply."""

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import duckdb
import psutil
import pytest
from airflow_processes import DAGS, run_python
from running import without_docs

from warehouse.home import Home, writer_lock


def run_once(home: Path, environment: dict[str, str]):
    """Run the script on a home."""
    return run_python(
        str(DAGS / "run_once.py"), "--home", str(home), environment=environment
    )


def test_a_dump_is_published_once_and_a_second_run_changes_nothing(
    home: Path, environment: dict[str, str]
):
    """The docs are the matter of the sample."""
    without_docs(Home.at(home))
    first = run_once(home, environment)
    snapshot = (home / "published" / "current.duckdb").resolve()
    second = run_once(home, environment)

    assert first.returncode == 0, first.stderr
    stages = [line.split()[0] for line in first.stderr.splitlines()]
    assert [
        stage for stage in stages if stage in {"load", "build", "segment", "publish"}
    ] == [
        "load",
        "build",
        "segment",
        "publish",
    ]
    assert len(first.stderr.splitlines()) < 20
    for line in first.stdout.splitlines():
        assert Path(line.split()[1]).exists(), line
    with duckdb.connect(str(snapshot), read_only=True) as published:
        assert published.execute("select count(*) from marts.users").fetchall() == [
            (30,)
        ]
        ((as_of,),) = published.execute("select as_of from ops.runs").fetchall()
    assert f"{as_of}" == "2026-03-06 00:00:00"  # the midnight after the last event

    # The keys are in no log, database or artifact, of Airflow's neither.
    keys = [path.read_bytes() for path in (home / "secrets").glob("*.key")]
    forms = [form for key in keys for form in (key, key.hex().encode())]
    written = [path for path in home.rglob("*") if path.is_file()]
    assert keys
    assert any(path.parent.name == "airflow" for path in written)
    assert {
        path.parent.name
        for path in written
        if any(form in path.read_bytes() for form in forms)
    } == {"secrets"}

    assert second.returncode == 0, second.stderr
    assert "nothing new" in second.stderr
    assert "build " not in second.stderr
    assert (home / "published" / "current.duckdb").resolve() == snapshot


def test_a_busy_warehouse_is_said_at_once(home: Path, environment: dict[str, str]):
    with writer_lock(Home.at(home)):
        done = run_once(home, environment)

    assert done.returncode == 3
    assert "is writing" in done.stderr
    assert done.stdout == ""
    assert not (home / "airflow").exists()


def test_a_wrong_setting_is_named_before_airflow_starts(
    home: Path, environment: dict[str, str]
):
    (home / "settings.yml").write_text("session_timeout_minutes: soon\n")
    done = run_once(home, environment)

    assert done.returncode == 2
    assert "session_timeout_minutes" in done.stderr
    assert not (home / "airflow").exists()


class Hook(HTTPServer):
    """A chat's hook, which keeps what it gets."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.received: list[dict] = []


class Receiver(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append(json.loads(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_arguments) -> None:
        """Say nothing."""


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.long
def test_a_task_that_fails_for_good_says_why_and_sends_one_alert(
    home: Path, environment: dict[str, str], hook: Hook
):
    """With a wrong source, which no second try would mend."""
    (home / "inbox" / "shop" / "source.yml").write_text(
        "adapter: generic\nkind: what\n"
    )
    canary = "T0K3N-0f-a-h00k"
    address = home / "secrets" / "alert_webhook"
    address.parent.mkdir(mode=0o700)
    address.write_text(f"http://127.0.0.1:{hook.server_port}/{canary}")
    address.chmod(0o600)
    seen: set[str] = set()
    done = run_python(
        *(str(DAGS / "run_once.py"), "--home", str(home)),
        environment={**environment, "NO_PROXY": "127.0.0.1"},
        while_it_runs=lambda: seen.update(command_lines()),
    )

    assert done.returncode == 2
    assert "source.yml" in done.stderr
    assert "Correct what is named" in done.stderr
    assert not (home / "published" / "current.duckdb").exists()
    (told,) = hook.received
    assert (told["status"], told["dag"], told["task"]) == (
        "failed",
        "load_events",
        "load",
    )
    assert "source.yml" in told["reason"]
    assert "Correct what is named" in told["what_to_do"]
    assert told["run"]
    files = [path for path in home.rglob("*") if path.is_file()]
    assert [path for path in files if canary.encode() in path.read_bytes()] == [address]
    assert canary not in done.stderr + done.stdout
    assert any("run_once" in line for line in seen)
    assert not any(canary in line for line in seen)


def command_lines() -> set[str]:
    """List what `ps` would show."""
    lines = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            lines.add(" ".join(process.cmdline()))
    return lines
