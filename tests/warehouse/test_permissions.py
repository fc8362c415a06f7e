"""What may not be read or written is said in words, and what is private stays so."""

import os
import stat
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from importlib import readers  # noqa: F401 - nobody may read root's own Python later
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from warehouse import integrity
from warehouse.cli import main
from warehouse.home import Home

NOBODY = 65534


@contextmanager
def without_privileges() -> Generator[None]:
    """Let go of what root may do and nobody else."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def inbox(open_inbox) -> Generator:
    """Give an inbox in a home that belongs to nobody, below folders open to all."""
    with tempfile.TemporaryDirectory() as folder:
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
        with without_privileges():
            yield open_inbox(Path(folder, "home"))
        for path in [Path(folder), *Path(folder).rglob("*")]:
            if path.is_dir():
                path.chmod(0o700)


def load(inbox) -> Result:
    return CliRunner().invoke(main, ["load", "--home", str(inbox.home.root)])


def test_a_home_that_cannot_be_written_is_named(inbox):
    inbox.put_events("a.jsonl", {})
    inbox.home.root.chmod(0o500)

    result = load(inbox)

    assert result.exit_code == 1
    words = " ".join(result.stderr.split())
    assert f"{inbox.home.warehouse}: Permission denied" in words.replace("- ", "-")
    assert "must be able to write to its home" in words


def test_an_inbox_is_only_read(inbox):
    inbox.put_events("a.jsonl", {})
    inbox.folder.chmod(0o500)
    inbox.home.inbox.chmod(0o500)

    assert load(inbox).exit_code == 0
    assert inbox.files() == [("a.jsonl", "loaded", None)]


def test_a_dump_that_cannot_be_read_stops_no_other(inbox):
    inbox.put_events("a.jsonl", {}).chmod(0)
    inbox.put_events("b.jsonl", {})

    assert load(inbox).exit_code == 0
    assert inbox.files() == [
        ("a.jsonl", "refused", "not_readable: Permission denied"),
        ("b.jsonl", "loaded", None),
    ]


def test_what_is_private_is_so_whatever_the_umask(inbox, monkeypatch):
    inbox.put_events("a.jsonl", {"user": "ann@example.org"})
    inbox.put("b.jsonl", b"\xff\n")  # is read from a copy
    modes = []
    write_cleaned = integrity.write_cleaned

    def write_and_look(blocks, path: Path, **options):
        written = write_cleaned(blocks, path, **options)
        modes.append(stat.S_IMODE(path.stat().st_mode))
        return written

    monkeypatch.setattr(integrity, "write_cleaned", write_and_look)
    before = os.umask(0)
    try:
        assert load(inbox).exit_code == 0
        Home.at(inbox.home.root / "new").make_inbox()
    finally:
        os.umask(before)

    assert modes == [0o600]
    for folder in (inbox.home.root / "new", inbox.home.root / "new" / "inbox"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    for folder in (inbox.home.warehouse, inbox.home.secrets):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for file in folder.rglob("*.*"):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
