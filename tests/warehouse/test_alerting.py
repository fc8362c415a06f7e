"""An alert arrives once, tells of no person and no address, and fails nobody."""

import json
import logging
import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from warehouse import alerting, cli, stages
from warehouse.cli import main
from warehouse.errors import ConfigurationError, TesseraError, WarehouseBusyError
from warehouse.framing import StageResult
from warehouse.home import Home

CANARY = "canary-T0K3N"


class Hook(HTTPServer):
    """A chat's hook: keeps what it gets, and answers with statuses in turn."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.statuses: list[int] = []
        self.received: list[tuple[str, dict]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook/{CANARY}"


class Receiver(BaseHTTPRequestHandler):
    """Take a message."""

    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, json.loads(body)))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 200)
        self.send_header("Location", f"{self.server.url}/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST  # noqa: N815 - as the base class wants it

    def log_message(self, *_arguments) -> None:
        """Say nothing."""


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Generator[Hook]:
    monkeypatch.setattr(alerting, "SECONDS_BETWEEN_TRIES", (0.0, 0.0))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv(alerting.VARIABLE, raising=False)
    with Hook() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home.at(tmp_path)
    home.secrets.mkdir()
    return home


def put_address(home: Home, url: str, mode: int = 0o600) -> None:
    file = home.secrets / "alert_webhook"
    file.write_text(url + "\n")
    file.chmod(mode)


def fail(home: Home, error: Exception) -> None:
    with pytest.raises(type(error)), alerting.alerted(home, "tessera run"):
        raise error


def test_a_failure_is_told_once_with_its_reason_and_the_next_step(
    home: Home, hook: Hook
):
    put_address(home, hook.url)
    fail(home, TesseraError("users: 'Ann Lee' <!channel> & ann@example.org"))

    ((path, told),) = hook.received
    assert path == f"/hook/{CANARY}"
    assert told["status"] == "failed"
    assert told["where"] == "tessera run"
    assert told["reason"] == "users: '...' <!channel> & [email]"
    assert told["what_to_do"].startswith("The last good snapshot stands")
    assert "<" not in told["text"]
    assert "&lt;!channel&gt; &amp; [email]" in told["text"]


def test_a_busy_warehouse_is_no_alarm_and_without_an_address_nothing_is_sent(
    home: Home, hook: Hook
):
    fail(home, ConfigurationError("wrong"))
    put_address(home, hook.url)
    fail(home, WarehouseBusyError("busy"))

    assert hook.received == []


def test_the_environment_wins_over_the_file(home: Home, hook: Hook, monkeypatch):
    put_address(home, "http://127.0.0.1:9/nobody")
    monkeypatch.setenv(alerting.VARIABLE, hook.url)
    fail(home, ConfigurationError("source.yml: kind: unknown"))

    assert hook.received[0][1]["what_to_do"].startswith("Correct what is named")


@pytest.mark.parametrize(
    ("statuses", "n_received"),
    [([503, 429, 200], 3), ([500] * 9, 3), ([404], 1), ([302, 200], 1), ([307], 1)],
)
def test_what_passes_is_tried_again_and_no_redirect_is_followed(
    home: Home, hook: Hook, caplog, statuses: list[int], n_received: int
):
    put_address(home, hook.url)
    hook.statuses = list(statuses)
    fail(home, TesseraError("no"))

    assert [path for path, _ in hook.received] == [f"/hook/{CANARY}"] * n_received
    has_arrived = statuses[n_received - 1] == 200
    assert ("did not arrive" in caplog.text) is not has_arrived
    assert CANARY not in caplog.text


@pytest.mark.parametrize(
    "url",
    [
        f"http://127.0.0.1:9/{CANARY}",
        f"http://no such host/{CANARY}",
        f"http://[{CANARY}",
        f"http://127.0.0.1:{CANARY}/",
        f"file:///etc/{CANARY}",
        f"ftp://127.0.0.1/{CANARY}",
        CANARY,
    ],
)
def test_a_wrong_address_fails_nobody_and_is_never_told(
    home: Home, hook: Hook, caplog, url: str
):
    caplog.set_level(logging.DEBUG)
    put_address(home, url)
    fail(home, TesseraError("the failure itself"))

    assert "no alert was sent" in caplog.text or "did not arrive" in caplog.text
    assert CANARY not in caplog.text


def test_an_address_that_others_may_read_is_not_used(home: Home, hook: Hook, caplog):
    put_address(home, hook.url, mode=0o644)
    fail(home, TesseraError("no"))

    assert hook.received == []
    assert "chmod 600" in caplog.text


def publication(**details) -> StageResult:
    return StageResult("publish", 0.1, 3, True, "snapshot 7", None, details)


def test_a_gate_that_warns_is_told_and_a_stage_without_warnings_is_not(
    home: Home, hook: Hook
):
    put_address(home, hook.url)
    alerting.warn(home, publication(), where="publish")
    assert hook.received == []

    news = ["warning: segments_kept: half of them moved"]
    alerting.warn(home, publication(news=news), where="publish")

    ((_, told),) = hook.received
    assert told["status"] == "warned"
    assert told["reason"] == "segments_kept: half of them moved"
    assert "The snapshot is published" in told["what_to_do"]


def test_what_calls_people_or_makes_a_link_in_a_chat_does_neither(
    home: Home, hook: Hook
):
    put_address(home, hook.url)
    news = ["events_silent: @channel, <!here> and [this](https://bad.example)"]
    alerting.warn(home, publication(news=news), where="publish")

    text = hook.received[0][1]["text"]
    assert not any(sign in text for sign in ("@channel", "<!", "]("))


def test_a_file_that_is_refused_is_told_once_though_nothing_is_published(
    home: Home, hook: Hook, open_inbox
):
    inbox = open_inbox(home.root)
    put_address(home, hook.url)
    inbox.put("a.jsonl.gz", b"no gzip at all")

    for _ in range(2):
        outcome = CliRunner().invoke(cli.main, ["load", "--home", str(home.root)])
        assert outcome.exit_code == 0

    ((_, told),) = hook.received
    assert told["reason"].startswith("shop/a.jsonl.gz: refused: ")
    assert "`tessera status`" in told["what_to_do"]


def test_what_was_damaged_is_told_though_it_is_mended(
    home: Home, hook: Hook, open_inbox
):
    inbox = open_inbox(home.root)
    put_address(home, hook.url)
    inbox.put_events("a.jsonl", {"user": "u1"})
    inbox.load()
    home.work_database.write_bytes(b"nothing of a database")

    assert stages.load(home).n_rows == 1

    ((_, told),) = hook.received
    assert "work.duckdb was damaged" in told["reason"]


def test_tessera_run_sends_what_it_failed_of(home: Home, hook: Hook, caplog):
    put_address(home, hook.url)
    (home.root / "settings.yml").write_text("threads: none\n")
    failed = CliRunner().invoke(main, ["run", "--home", str(home.root)])
    (home.root / "settings.yml").write_text("")
    assert failed.exit_code == 2
    ((_, told),) = hook.received
    assert "settings.yml: threads" in told["reason"]
    assert CANARY not in failed.output + caplog.text
