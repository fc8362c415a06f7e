"""What dbt parsed serves every home; what it makes takes a relation's place whole."""

import shutil
from collections.abc import Generator
from pathlib import Path

import pytest

from warehouse import dbt_parse, transform
from warehouse.connection import open_work
from warehouse.home import Home

REAL = dbt_parse.DBT_PROJECT
SETTINGS = """\
name: small
profile: tessera
macro-paths: [materializations]
vars: {told: 1}
models: {+materialized: table}
"""
PROMISED = """\
models:
  - name: promised
    config: {contract: {enforced: true}}
    columns: [{name: told, data_type: integer}]
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """A project of two tables that is materialized as ours is."""
    project = tmp_path_factory.mktemp("project")
    (project / "models").mkdir()
    for name in ("plain", "promised"):
        model = project / "models" / f"{name}.sql"
        model.write_text("select {{ var('told') }}::integer as told")
    (project / "models" / "promised.yml").write_text(PROMISED)
    (project / "dbt_project.yml").write_text(SETTINGS)
    shutil.copytree(REAL / "materializations", project / "materializations")
    shutil.copy(REAL / "profiles.yml", project)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transform, "DBT_PROJECT", project)
        patch.setattr(dbt_parse, "SHARED", project / "target" / "parsed")
        patch.setattr(dbt_parse, "_parsed", [])
        yield project


def test_what_one_home_parsed_another_takes_up(project: Path, tmp_path: Path):
    written = []
    for name, limit in (("a", "1GB"), ("b", "2GB")):
        dbt_parse._parsed.clear()
        home = Home.at(tmp_path / name)
        home.make_private_folders()
        (home.root / "settings.yml").write_text(f"memory_limit: {limit}\nthreads: 1\n")
        assert "model.small.plain" in transform.parse(home).nodes
        written.append((home.dbt / "target" / "partial_parse.msgpack").exists())

    assert written == [True, False]
    (shared,) = dbt_parse.SHARED.iterdir()
    assert shared.stat().st_mode & 0o777 == 0o600
    assert str(tmp_path / "a").encode() not in shared.read_bytes()
    assert str(project).encode() in shared.read_bytes()  # a path would be found


def test_a_table_is_replaced_as_a_whole_or_stays(project: Path, tmp_path: Path):
    home = Home.at(tmp_path)
    with open_work(home) as connection:
        connection.execute("create view plain as select 0 as told")

    found = []
    for told in ("1", "2", "error('broken')"):
        results = transform.call_dbt(home, ["build", "--no-write-json"], {"told": told})
        with open_work(home) as connection:
            tables = connection.execute("from plain, promised").fetchall()
            names = connection.execute("show tables").fetchall()
        found.append(([str(result.status) for result in results], tables))
        assert names == [("plain",), ("promised",)]

    assert found == [
        (["success", "success"], [(1, 1)]),
        (["success", "success"], [(2, 2)]),
        (["error", "error"], [(2, 2)]),
    ]


def test_what_older_code_parsed_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dbt_parse, "SHARED", tmp_path / "parsed")
    own = tmp_path / "own"
    own.write_text("parsed")
    for name in ("older", "newer"):
        dbt_parse._share(own, tmp_path / "parsed" / name)

    assert [path.name for path in (tmp_path / "parsed").iterdir()] == ["newer"]
    assert (tmp_path / "parsed" / "newer").read_text() == "parsed"


def test_where_nobody_may_write_a_home_keeps_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    own = tmp_path / "own"
    own.write_text("parsed")
    monkeypatch.setattr(dbt_parse, "SHARED", own / "no folder")
    dbt_parse._share(own, own / "no folder" / "name")

    assert own.read_text() == "parsed"
