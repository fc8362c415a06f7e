"""What dbt parsed is taken up by every home of an installation, and names none."""

import shutil
from pathlib import Path

import pytest

from warehouse import dbt_parse, transform
from warehouse.home import Home

PROFILE = dbt_parse.DBT_PROJECT / "profiles.yml"


def test_what_one_home_parsed_another_takes_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    project = tmp_path / "project"
    (project / "models").mkdir(parents=True)
    (project / "models" / "one.sql").write_text("select '{{ target.path }}' as place")
    (project / "dbt_project.yml").write_text("name: small\nprofile: tessera\n")
    shutil.copy(PROFILE, project)
    monkeypatch.setattr(transform, "DBT_PROJECT", project)
    monkeypatch.setattr(dbt_parse, "SHARED", project / "target" / "parsed")

    written = []
    for name, limit in (("a", "1GB"), ("b", "2GB")):
        monkeypatch.setattr(dbt_parse, "_parsed", [])
        home = Home.at(tmp_path / name)
        home.make_private_folders()
        (home.root / "settings.yml").write_text(f"memory_limit: {limit}\nthreads: 1\n")
        manifest = transform.parse(home)
        assert "model.small.one" in manifest.nodes
        written.append((home.dbt / "target" / "partial_parse.msgpack").exists())

    assert written == [True, False]
    (shared,) = dbt_parse.SHARED.iterdir()
    assert shared.stat().st_mode & 0o777 == 0o600
    assert str(tmp_path / "a").encode() not in shared.read_bytes()
    assert str(project).encode() in shared.read_bytes()  # a path would be found


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
