"""Airflow's home: private, its keys made once, its settings written in one place."""

from configparser import ConfigParser
from pathlib import Path

import airflow_home
import pytest


@pytest.fixture(autouse=True)
def _environment_comes_back(monkeypatch: pytest.MonkeyPatch):
    """Undo what `prepare` sets in this process."""
    for name in ("AIRFLOW_HOME", "TESSERA_HOME"):
        monkeypatch.setenv(name, "to be restored")


def settings(airflow: Path) -> ConfigParser:
    """Read the settings file as Airflow does."""
    config = ConfigParser()
    config.read(airflow / "airflow.cfg")
    return config


def mode(path: Path) -> str:
    """Tell who may read a file."""
    return oct(path.stat().st_mode & 0o777)


def test_only_its_owner_can_read_it(tmp_path: Path):
    airflow = airflow_home.prepare(tmp_path)

    assert mode(airflow) == "0o700"
    assert mode(airflow / "airflow.cfg") == "0o600"
    assert mode(airflow / "passwords.json") == "0o600"


def test_nothing_secret_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture):
    airflow_home.prepare(tmp_path)

    assert capfd.readouterr() == ("", "")


def test_keys_and_password_are_made_once(tmp_path: Path):
    airflow = airflow_home.prepare(tmp_path)
    keys = {
        name: settings(airflow)[section][name] for section, name in airflow_home.KEYS
    }
    password = (airflow / "passwords.json").read_text()
    airflow_home.prepare(tmp_path)

    assert {
        name: settings(airflow)[section][name] for section, name in airflow_home.KEYS
    } == keys
    assert len(set(keys.values())) == 3
    assert (airflow / "passwords.json").read_text() == password


def test_two_homes_share_no_key(tmp_path: Path):
    one, other = (airflow_home.prepare(tmp_path / name) for name in ("a", "b"))

    for section, name in airflow_home.KEYS:
        assert settings(one)[section][name] != settings(other)[section][name]


def test_the_address_moves_with_the_port_and_stays_where_it_was(tmp_path: Path):
    airflow_home.prepare(tmp_path, port=8123)
    kept = settings(airflow_home.prepare(tmp_path))

    assert kept["api"]["port"] == "8123"
    assert kept["api"]["base_url"] == "http://127.0.0.1:8123"
    assert (
        kept["core"]["execution_api_server_url"] == "http://127.0.0.1:8123/execution/"
    )


def test_a_home_with_a_percent_sign_in_its_name_works(tmp_path: Path):
    airflow = airflow_home.prepare(tmp_path / "100 %")

    assert settings(airflow)["logging"]["base_log_folder"] == f"{airflow}/logs"
