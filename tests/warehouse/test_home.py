"""A home knows its folders, refuses wrong settings and lets one writer in."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from warehouse.errors import ConfigurationError, WarehouseBusyError
from warehouse.home import Home, lock_holder, writer_lock

HOLD_THE_LOCK = """
import sys
from warehouse.home import Home, writer_lock
with writer_lock(Home.at(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.at(tmp_path / "home")


def write_settings(home: Home, text: str) -> None:
    home.root.mkdir(parents=True)
    (home.root / "settings.yml").write_text(text)


def test_defaults_hold_where_settings_are_silent(home: Home):
    write_settings(home, "session_timeout_minutes: 20\n")

    assert home.settings.session_timeout_minutes == 20
    assert home.settings.rfm_binning == "quantile"


def test_a_currency_is_written_in_capitals(home: Home):
    write_settings(home, "reporting_currency: gbp\n")

    assert home.settings.reporting_currency == "GBP"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("sesion_timeout_minutes: 20", "sesion_timeout_minutes"),
        ("session_timeout_minutes: twenty", "session_timeout_minutes"),
        ("session_timeout_minutes: 20.5", "session_timeout_minutes"),
        ("rfm_binning: quintile", "rfm_binning"),
        ("match_threshold: 0.4", "match_threshold"),
        ("reporting_currency: euro", "'euro' is not the code of a currency, as EUR"),
        ("reporting_currency: €", "'€' is not the code of a currency, as EUR"),
        ("review_threshold: 0.96", "review_threshold .0.96. is above match_threshold"),
        ("- a list", "names and values"),
        ("a: &x 1\nb: *x", "aliases"),
        ("a: !!python/object/apply:os.system [ls]", "not readable"),
        ("a: [", "not readable"),
        ("[" * 100_000, "nested too deep"),
        ("#" * 2**21, "larger than 1,000,000 bytes"),
    ],
)
def test_a_wrong_setting_is_named(home: Home, text: str, named: str):
    write_settings(home, text)

    with pytest.raises(ConfigurationError, match=named):
        home.settings  # noqa: B018


def test_the_environment_names_the_home(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("TESSERA_HOME", str(tmp_path))

    assert Home.at().inbox == tmp_path / "inbox"
    assert Home.at(tmp_path / "other").root == tmp_path / "other"


def test_private_folders_are_private_whatever_the_umask(home: Home):
    before = os.umask(0)
    try:
        home.make_private_folders()
    finally:
        os.umask(before)

    assert home.warehouse.stat().st_mode & 0o777 == 0o700


def test_a_second_writer_is_told_who_holds_the_lock(home: Home):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_THE_LOCK, str(home.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout.readline() == b"held\n"
        assert lock_holder(home) == holder.pid
        with (
            pytest.raises(WarehouseBusyError, match=str(holder.pid)),
            writer_lock(home),
        ):
            pass
    finally:
        holder.kill()
        holder.wait()

    assert lock_holder(home) is None
    with writer_lock(home), writer_lock(home):
        assert lock_holder(home) == os.getpid()
