"""The conventions that no linter knows."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest
import yaml

from warehouse.home import Settings

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "dbt_project" / "models"
SQL_FILES = sorted(MODELS.rglob("*.sql"))
ADDRESS = re.compile(r"https?://[^\s\"'<>)`]+")
MACHINE_PATH = re.compile(r"(?<![\w.])/(home|root|work|Users|tmp)/")
REGISTRY = re.compile(r"pypi\.org|pythonhosted|registry\.npmjs|deb\.debian", re.I)


def tracked_files(*patterns: str) -> list[Path]:
    """List what git tracks, or what lies there where there is no git."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [
        ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).exists()
    ]


@pytest.mark.parametrize("sql_file", SQL_FILES, ids=lambda path: path.stem)
def test_every_model_sits_beside_its_own_yaml(sql_file: Path):
    assert sql_file.with_suffix(".yml").exists()


@pytest.mark.parametrize("sql_file", SQL_FILES, ids=lambda path: path.stem)
def test_every_model_ends_by_selecting_its_last_cte(sql_file: Path):
    *_, last_line = sql_file.read_text().splitlines()

    assert last_line.startswith("select * from ")


@pytest.mark.parametrize("sql_file", SQL_FILES, ids=lambda path: path.stem)
def test_no_model_reads_the_clock_or_leaves_portable_sql(sql_file: Path):
    text = re.sub(r"--.*", "", sql_file.read_text().lower())

    found = re.findall(
        r"\b(now\(\)|current_date|current_timestamp|qualify|asof|pivot|arg_max|arg_min)\b",
        text,
    )
    assert found == []


def accepted_values(mart: str, column: str) -> set[str]:
    """Read which values dbt accepts in a column of a mart of people."""
    text = (MODELS / "marts" / "people" / f"{mart}.yml").read_text()
    (model,) = yaml.safe_load(text)["models"]
    (tests,) = (
        told["data_tests"] for told in model["columns"] if told["name"] == column
    )
    (values,) = (
        test["accepted_values"]["arguments"]["values"]
        for test in tests
        if "accepted_values" in test
    )
    return set(values)


def test_every_rule_that_ties_an_id_may_be_why_it_changed():
    rules = accepted_values("user_identifiers", "match_rule")
    of_addresses_alone = {"same_row"}  # whose changes are not told

    assert of_addresses_alone < rules
    assert rules - of_addresses_alone <= accepted_values("identity_changes", "reason")


@cache
def features() -> list[dict]:
    """List the columns of user_features but its key, as they are described."""
    text = (MODELS / "marts" / "behaviour" / "user_features.yml").read_text()
    (model,) = yaml.safe_load(text)["models"]
    return [column for column in model["columns"] if column["name"] != "user_id"]


@pytest.mark.parametrize("column", features(), ids=lambda column: column["name"])
def test_every_feature_tells_its_unit_its_range_and_what_stands_for_it(column: dict):
    meta, text = column["config"]["meta"], " ".join(column["description"].split())
    flags = {each["name"] for each in features() if each["name"].startswith("has_")}
    imputed = {
        each["name"]
        for each in features()
        if each["config"]["meta"].get("flag") == column["name"]
    }

    most = f"to {meta['greatest']}" if "greatest" in meta else "or more"
    assert meta["unit"].split()[-1][:5] in f"{column['name']} {text}".lower()
    assert f"{meta['least']} {most}" in text
    assert ("flag" in meta) == ("imputed_by" in meta) == ("Imputed " in text)
    assert "flag" not in meta or f"(`{meta['flag']}` is 0)." in text
    assert meta.get("flag", min(flags)) in flags
    if column["name"] in flags:
        assert set(re.findall(r"`(\w+)`", text)) == imputed != set()


def test_locks_hold_hashes_and_no_address():
    for name in ("requirements.lock", "bootstrap.lock", "benchmark.lock"):
        text = (ROOT / name).read_text()
        pins = re.findall(r"^[a-z0-9].*==", text, flags=re.MULTILINE | re.IGNORECASE)
        assert pins
        assert text.count("--hash=sha256:") >= len(pins)
        assert not ADDRESS.search(text)
        assert "--index-url" not in text


def test_the_project_names_no_machine_and_no_registry():
    faults = [
        str(path.relative_to(ROOT))
        for path in tracked_files()
        if path != Path(__file__)
        for text in [path.read_text(encoding="utf-8", errors="ignore")]
        if REGISTRY.search(text) or MACHINE_PATH.search(text)
    ]
    assert faults == []


def test_no_file_is_longer_than_two_rooms():
    too_long = {
        path.name: n_lines
        for path in tracked_files("warehouse/*.py", "ml/*.py", "dags/*.py")
        if (n_lines := len(path.read_text().splitlines())) > 450
    }
    assert too_long == {}


def test_the_settings_that_the_readme_lists_are_those_there_are():
    table = (ROOT / "README.md").read_text().split("| setting | default | |")[1]
    names = re.findall(r"^\|(.+?)\|", table.split("\n\n")[0], re.M)

    listed = re.findall("`(.+?)`", " ".join(names))

    assert sorted(listed) == sorted(Settings.model_fields)
