"""Versions are numbered upwards, known by their bytes, and replaced where damaged."""

import hashlib
import itertools
import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from warehouse import (
    ledger,
    recalling,
    snapshots,
    stages,
    status,
    upkeep,
    verifying,
    versions,
)
from warehouse.connection import open_snapshot, open_work
from warehouse.errors import TesseraError
from warehouse.framing import framed
from warehouse.home import Home
from warehouse.publication import look_after_current, prepared, settle_published
from warehouse.raw_tables import LEDGER, create_tables

NOON = datetime(2026, 1, 31, 12)


@pytest.fixture(scope="module")
def three_published(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home of three versions, of one table each; pages are not its matter."""
    home = Home.at(tmp_path_factory.mktemp("versions"))
    (home.published / "docs").mkdir(parents=True)
    (home.published / "docs" / "index.html").write_text("not written in this test")
    with open_work(home) as connection:
        create_tables(connection)
        for schema in snapshots.PUBLISHED_SCHEMAS:
            connection.execute(f"create schema {schema}")
        for table in LEDGER:
            name = table.split(".")[1]
            connection.execute(f"create view ops.{name} as from {table}")
        connection.execute("create table marts.users as select 0 as user_id")
    (home.dbt / "docs.fingerprint").write_text(ledger.code_fingerprint())
    for version in (1, 2, 3):
        publish(home, version)
    return home


@pytest.fixture
def home(
    three_published: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Home:
    """A copy of it, whose versions were verified."""
    monkeypatch.setattr("warehouse.publication._publish_report", lambda *_: None)
    shutil.copytree(three_published.root, tmp_path / "home", symlinks=True)
    home = Home.at(tmp_path / "home")
    assert versions.mend_current(home, thorough=True) == []
    return home


def write(home: Home, version: int, *, as_of: datetime = NOON) -> None:
    """Write a version, and move no link."""
    with open_work(home) as connection:
        run = ledger.open_run(connection, NOON)
        ledger.update_run(connection, run.run_id, as_of=as_of, snapshot_version=version)
        ledger.update_run(
            connection, run.run_id, fingerprint=ledger.fingerprint(connection, home)
        )
        ledger.record_built_of(connection, home)
        connection.execute("update marts.users set user_id = ?", [version])
        run = ledger.last_run(connection)
        assert run is not None
        snapshot = snapshots.write_snapshot(
            connection, home, snapshots.Publication(run, version, NOON, 1.5)
        )
    snapshots.write_parquet(snapshot, home, version)


def publish(home: Home, version: int, *, as_of: datetime = NOON) -> None:
    write(home, version, as_of=as_of)
    snapshots.point_current_at(home, version)
    with open_work(home) as connection, snapshots.attached_current(connection, home):
        published = ledger.published_run(home)
        assert published is not None
        ledger.close_run(connection, published)
    versions.note_current(home)


class KilledError(BaseException):
    """What stands for the end of a process."""


def killed_at(number: int, patch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Have every fault point count, and one of them be the end."""
    passed = itertools.count(1)

    def fault_point(_stage: str) -> None:
        if next(passed) == number:
            raise KilledError

    patch.setattr(snapshots, "fault_point", fault_point)
    patch.setattr(versions, "fault_point", fault_point)
    return fault_point


def read_both(home: Home) -> list[int]:
    """Read what readers read, in the snapshot and in the Parquet file beside it."""
    parquet = home.published / "parquet" / "current" / "marts.users.parquet"
    with open_snapshot(home.current) as snapshot:
        return [
            snapshot.execute(f"select user_id from {table}").fetchall()[0][0]
            for table in ("marts.users", f"'{parquet}'")
        ]


def read(home: Home) -> int:
    """Read the version that both tell of."""
    (version,) = set(read_both(home))
    return version


def overwrite(path: Path, content: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(content)


def flip_a_bit(path: Path, *, of_each: int | None = None) -> None:
    """Change one bit, or one of so many bytes, and leave the file looking as it did."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    for place in range(len(content) // 2, len(content), of_each or len(content)):
        content[place] ^= 1
    overwrite(path, bytes(content))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def delete(path: Path) -> None:
    path.unlink()


def truncate(path: Path) -> None:
    overwrite(path, path.read_bytes()[:-5000])


def copy_half(path: Path) -> None:
    path.unlink()
    path.write_bytes(path.with_name("tessera_000001.duckdb").read_bytes()[:9000])


DAMAGES = [delete, truncate, flip_a_bit, copy_half]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_version_gives_way_to_the_one_before(
    home: Home, damage: Callable[[Path], None]
):
    path = snapshots.snapshot_path(home, 3)
    damage(path)
    kept = path.read_bytes() if path.exists() else None

    told = versions.mend_current(home, thorough=True)

    assert "snapshot 3 is damaged" in told[0]
    assert read(home) == 2
    assert snapshots.versions(home) == [1, 2]
    aside = path.with_name(path.name + versions.DAMAGED)
    assert (aside.read_bytes() if aside.exists() else None) == kept
    assert versions.mend_current(home, thorough=True) == []
    with prepared(home) as connection:
        # A run of the same files by the same rules; only what was lost is to be made.
        ledger.update_run(
            connection, "run_000002", fingerprint=ledger.fingerprint(connection, home)
        )
        assert not ledger.is_ahead(connection, home)
        assert versions.is_behind(connection, home)
        run = ledger.open_run(connection, NOON)
        assert versions.next_version(connection, home, run) == 4


@pytest.mark.parametrize("damage", [delete, truncate, copy_half])
def test_every_stage_notices_what_a_look_can_tell(
    home: Home, damage: Callable[[Path], None]
):
    damage(snapshots.snapshot_path(home, 3))

    with framed(home):
        assert read(home) == 2

    with prepared(home) as connection:
        ((verdict, told),) = connection.execute(
            "select verdict, explanation from ledger.checks "
            "where check_name = 'snapshots_intact'"
        ).fetchall()
    assert verdict == "failed"
    assert "snapshot 3 is damaged" in told


def test_what_no_look_can_tell_a_load_does(home: Home):
    flip_a_bit(snapshots.snapshot_path(home, 3))

    assert look_after_current(home) == []
    result = stages.load(home)

    assert result.changed
    assert read(home) == 2


def as_a_file(home: Home) -> None:
    home.current.unlink()
    shutil.copyfile(snapshots.snapshot_path(home, 1), home.current)


def as_nothing(home: Home) -> None:
    home.current.unlink()


def as_a_dangling_link(home: Home) -> None:
    home.current.unlink()
    home.current.symlink_to("somewhere.duckdb")


@pytest.mark.parametrize("change", [as_a_file, as_nothing, as_a_dangling_link])
def test_a_link_that_is_gone_or_is_none_comes_back(
    home: Home, change: Callable[[Home], None]
):
    change(home)

    told = versions.mend_current(home)

    assert len(told) == 1
    assert read(home) == 3
    assert snapshots.versions(home) == [1, 2, 3]
    assert (home.published / "current.duckdb.damaged").exists() == (change is as_a_file)


def test_a_version_of_before_checksums_gets_one_if_all_of_it_can_be_read(home: Home):
    (home.warehouse / "versions.json").unlink()
    for version in (2, 3):
        snapshots.checksum_path(snapshots.snapshot_path(home, version)).unlink()

    assert versions.mend_current(home) == []
    assert check_sums(home) == 0

    (home.warehouse / "versions.json").unlink()
    snapshots.checksum_path(snapshots.snapshot_path(home, 3)).unlink()
    # DuckDB has a checksum of each block in use, which reading it compares.
    flip_a_bit(snapshots.snapshot_path(home, 3), of_each=262_144)
    assert "snapshot 3 is damaged" in versions.mend_current(home)[0]


def test_a_flipped_bit_of_a_block_in_use_is_found_without_a_checksum(home: Home):
    (home.warehouse / "versions.json").unlink()
    path = snapshots.snapshot_path(home, 3)
    snapshots.checksum_path(path).unlink()
    content = path.read_bytes()
    found = []
    for place in range(3 * 4096 + 1000, len(content), 262_144):
        overwrite(path, content)
        with path.open("r+b") as file:
            file.seek(place)
            file.write(bytes([content[place] ^ 1]))
        try:
            with open_snapshot(path) as snapshot:
                for schema, table in snapshots.published_tables(snapshot, path.stem):
                    snapshot.execute(f"from {schema}.{table}").fetchall()
            can_be_read = True
        except duckdb.Error:
            can_be_read = False
        found.append((can_be_read, verifying.find_fault(home, 3) is None))

    assert all(can_be_read == is_good for can_be_read, is_good in found)
    assert any(not can_be_read for can_be_read, _ in found)


def check_sums(home: Home) -> int:
    checked = subprocess.run(
        ["sha256sum", "-c", "--quiet", "--strict", "tessera_000003.duckdb.sha256"],
        cwd=home.published,
        capture_output=True,
        check=False,
    )
    return checked.returncode


def test_checksums_are_those_that_sha256sum_checks(home: Home):
    path = snapshots.snapshot_path(home, 3)
    checksum = snapshots.checksum_path(path)

    assert checksum.stat().st_mode & 0o777 == 0o444
    assert check_sums(home) == 0
    overwrite(checksum, b"nonsense")
    assert versions.mend_current(home, thorough=True) == []
    assert check_sums(home) == 0
    sums = subprocess.run(
        ["sha256sum", "-c", "--quiet", "--strict", "SHA256SUMS"],
        cwd=home.published / "parquet" / "current",
        check=False,
    )
    assert sums.returncode == 0
    flip_a_bit(path)
    assert check_sums(home) == 1


def test_damaged_parquet_files_are_written_again(home: Home):
    flip_a_bit(home.published / "parquet" / "000003" / "marts.users.parquet")

    versions.mend_current(home, thorough=True)

    assert snapshots.is_parquet_good(home, 3)
    assert read(home) == 3


def test_where_all_versions_are_damaged_it_is_told_what_to_do(home: Home):
    for version in (1, 2, 3):
        truncate(snapshots.snapshot_path(home, version))

    with pytest.raises(TesseraError, match="tessera run"):
        upkeep.roll_back(home)

    assert snapshots.current_version(home) is None
    assert not home.current.is_symlink()
    publish(home, 4)
    assert read(home) == 4
    assert versions.mend_current(home, thorough=True) == []


def test_a_rollback_from_a_damaged_version_stays_at_the_last_good_one(home: Home):
    flip_a_bit(snapshots.snapshot_path(home, 3))

    assert upkeep.roll_back(home) == 2
    assert upkeep.roll_back(home) == 1


def test_a_rollback_to_a_damaged_version_is_refused_and_names_the_good(home: Home):
    flip_a_bit(snapshots.snapshot_path(home, 1))

    with pytest.raises(TesseraError, match=r"snapshot 1 is damaged.*Good are: 2, 3"):
        upkeep.roll_back(home, 1)
    assert read(home) == 3


def test_a_version_rolled_back_from_is_not_what_damage_leads_to(home: Home):
    upkeep.roll_back(home, 2)
    truncate(snapshots.snapshot_path(home, 2))

    versions.mend_current(home)

    assert read(home) == 1


def test_a_mend_that_was_cut_short_is_ended_by_the_next(home: Home):
    """Killed between the move of the link and all that follows it."""
    truncate(snapshots.snapshot_path(home, 3))
    snapshots.point_current_at(home, 2)

    told = versions.mend_current(home)

    assert "snapshot 3 is damaged" in told[0]
    assert snapshots.versions(home) == [1, 2]


def test_killed_anywhere_while_mending_readers_get_something_good(
    home: Home, monkeypatch: pytest.MonkeyPatch
):
    for number in itertools.count(1):
        copy = Home.at(home.root.with_name(f"copy-{number}"))
        shutil.copytree(home.root, copy.root, symlinks=True)
        flip_a_bit(snapshots.snapshot_path(copy, 3))
        with monkeypatch.context() as patch:
            killed_at(number, patch)
            try:
                versions.mend_current(copy, thorough=True)
            except KilledError:
                was_killed = True
            else:
                was_killed = False

        assert read_both(copy)[0] == 2
        versions.mend_current(copy)
        assert snapshots.versions(copy) == [1, 2]
        assert read(copy) == 2
        if not was_killed:
            break
    assert number > 2


def kill_while_publishing(home: Home, number: int, patch: pytest.MonkeyPatch) -> bool:
    """Publish version 4 up to a fault point; then what the next stage and run do.

    Nothing has its own name before it is complete, and the next run publishes.
    """
    with patch.context() as context:
        fault_point = killed_at(number, context)
        try:
            write(home, 4)
            snapshots.point_current_at(home, 4)
            fault_point("publish")
        except KilledError:
            was_killed = True
        else:
            was_killed = False

    assert set(read_both(home)) <= {3, 4}
    for folder in (home.published / "parquet").glob("0*"):
        assert (folder / snapshots.SUMS).exists()
        assert snapshots.is_parquet_good(home, int(folder.name))
    for version in snapshots.versions(home):
        assert verifying.find_fault(home, version) is None
    settle(home)
    assert read(home) in (3, 4)
    with prepared(home) as connection:
        run = ledger.last_run(connection)
        assert run is not None
        assert (run.run_id, run.snapshot_version) == ("run_000004", 4)
        is_done = run.status == "published"
        assert is_done == (read(home) == 4)
    if not is_done:
        publish(home, 4)
        settle(home)
    assert read(home) == 4
    assert not list(home.published.rglob(".*"))
    return was_killed


N_TABLES = len(LEDGER) + 1  # a fault point each


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(N_TABLES + 2, id="snapshot_named"),
        pytest.param(N_TABLES + 6, id="some_parquet_written"),
        pytest.param(2 * N_TABLES + 5, id="link_moved"),
    ],
)
def test_killed_while_publishing_readers_see_one_version_or_the_next(
    home: Home, number: int, monkeypatch: pytest.MonkeyPatch
):
    assert kill_while_publishing(home, number, monkeypatch)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_killed_anywhere_while_publishing_readers_see_one_version_or_the_next(
    home: Home, monkeypatch: pytest.MonkeyPatch
):
    for number in itertools.count(1):
        copy = Home.at(home.root.with_name(f"copy-{number}"))
        shutil.copytree(home.root, copy.root, symlinks=True)
        if not kill_while_publishing(copy, number, monkeypatch):
            break
        shutil.rmtree(copy.root)
    assert number > 2 * N_TABLES


def test_killed_between_snapshot_and_link_readers_stay_and_the_number_too(home: Home):
    write(home, 4)

    with framed(home, reloads=True):
        assert read(home) == 3
    with prepared(home) as connection:
        run = ledger.open_run(connection, NOON)
        assert versions.next_version(connection, home, run) == 4


def test_a_version_that_is_written_again_lies_beside_nothing_of_its_first_attempt(
    home: Home, monkeypatch: pytest.MonkeyPatch
):
    write(home, 4)
    number = itertools.count(1)
    at_each = []

    def look(_stage: str) -> None:
        next(number)
        at_each.append(verifying.find_fault(home, 4))

    monkeypatch.setattr(snapshots, "fault_point", look)
    with open_work(home) as connection:
        connection.execute("update marts.users set user_id = 44")
        run = ledger.last_run(connection)
        assert run is not None
        snapshots.write_snapshot(
            connection, home, snapshots.Publication(run, 4, NOON, 1.5)
        )

    assert set(at_each) <= {None, "its file is missing"}
    assert not (home.published / "parquet" / "000004").exists()


def test_a_log_beside_a_version_changes_nothing_and_is_set_aside(home: Home):
    current = snapshots.snapshot_path(home, 3)
    log = verifying.log_beside(current)
    copy = home.root / "copy.duckdb"
    shutil.copyfile(current, copy)
    with duckdb.connect(str(copy)) as forger:
        forger.execute("pragma disable_checkpoint_on_shutdown")
        forger.execute("update marts.users set user_id = 999")
    shutil.copyfile(f"{copy}.wal", log)
    assert read_both(home)[0] == 999  # what a reader would see
    assert "write-ahead log" in str(versions.describe_versions(home)[0]["fault"])

    told = versions.mend_current(home)

    assert "set aside as tessera_000003.duckdb.wal.damaged" in told[0]
    assert read(home) == 3
    assert versions.mend_current(home, thorough=True) == []


def test_what_was_gone_back_from_is_not_published_again_before_anything_is_new(
    home: Home, monkeypatch: pytest.MonkeyPatch
):
    assert not is_behind(home)
    monkeypatch.setattr(ledger, "is_ahead", lambda *_: True)  # of earlier versions
    assert upkeep.roll_back(home) == 2
    assert not is_behind(home)
    assert upkeep.roll_back(home) == 1
    assert not is_behind(home)
    with framed(home, reloads=True):
        assert read(home) == 1

    (home.root / "settings.yml").write_text("session_timeout_minutes: 10\n")
    assert is_behind(home)


def test_what_was_gone_back_from_stays_behind_whatever_else_was_damaged(home: Home):
    flip_a_bit(snapshots.snapshot_path(home, 3))
    _, told = versions.mend_current(home, thorough=True)
    assert "readers see snapshot 2; the next run publishes again" in told
    assert is_behind(home)

    assert upkeep.roll_back(home, 1) == 1
    assert not is_behind(home)


def test_damage_of_what_was_gone_back_to_promises_no_new_version(home: Home):
    upkeep.roll_back(home, 2)
    flip_a_bit(snapshots.snapshot_path(home, 2))

    _, told = versions.mend_current(home, thorough=True)

    assert "somebody went back from snapshot 3" in told
    assert "the next run that finds anything new" in told
    assert not is_behind(home)


def test_a_rollback_that_was_killed_stands_or_never_was(
    home: Home, monkeypatch: pytest.MonkeyPatch
):
    seen = []
    for number in itertools.count(1):
        with monkeypatch.context() as patch:
            killed_at(number, patch)
            try:
                upkeep.roll_back(home, 2)
            except KilledError:
                pass
            else:
                break
        seen.append(read_both(home)[0])
        assert not is_behind(home)
        upkeep.roll_back(home, 3)
    assert seen[0] == 3

    upkeep.roll_back(home, 3)
    with monkeypatch.context() as patch:
        killed_at(seen.index(2), patch)  # before the link moves
        with pytest.raises(KilledError):
            upkeep.roll_back(home, 2)
    assert verifying.read_notes(home).left == read(home) == 3
    flip_a_bit(snapshots.snapshot_path(home, 3))
    _, told = versions.mend_current(home, thorough=True)
    assert "the next run publishes again" in told


def test_killed_while_the_record_is_taken_over_no_number_is_given_again(
    home: Home, monkeypatch: pytest.MonkeyPatch
):
    flip_a_bit(snapshots.snapshot_path(home, 3))
    versions.mend_current(home, thorough=True)
    home.work_database.unlink()

    def die(_stage: str) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(recalling, "fault_point", die)
        with pytest.raises(KilledError), prepared(home):
            pass
    with prepared(home) as connection:
        assert ledger.open_run(connection, NOON).run_id == "run_000004"


def test_killed_between_link_and_ledger_the_next_stage_closes_the_run(home: Home):
    write(home, 4)
    snapshots.point_current_at(home, 4)

    settle(home)

    assert read(home) == 4
    with prepared(home) as connection:
        run = ledger.last_run(connection)
        assert run is not None
        assert (run.status, run.snapshot_version) == ("published", 4)
        assert connection.execute(
            "select max(snapshot_version), count(*) from ledger.snapshots"
        ).fetchall() == [(4, 4)]


def is_behind(home: Home) -> bool:
    """Tell whether a run would publish, by the settings of now."""
    with prepared(home) as connection:
        return versions.is_behind(connection, Home.at(home.root))


def settle(home: Home) -> None:
    look_after_current(home)
    settle_published(home)


def test_numbers_that_readers_saw_are_never_given_again(home: Home):
    """Nor where the newest files and the working file are gone, and notes with them."""
    flip_a_bit(snapshots.snapshot_path(home, 3))
    versions.mend_current(home, thorough=True)
    home.work_database.unlink()
    (home.warehouse / "versions.json").unlink()

    with prepared(home) as connection:
        run = ledger.open_run(connection, NOON - timedelta(days=365))

        assert run.run_id == "run_000004"
        assert versions.next_version(connection, home, run) == 4


def test_a_run_whose_snapshot_was_seen_and_damaged_gets_another_number(home: Home):
    write(home, 4)
    snapshots.point_current_at(home, 4)
    truncate(snapshots.snapshot_path(home, 4))

    versions.mend_current(home)

    assert read(home) == 3
    with prepared(home) as connection:
        run = ledger.open_run(connection, NOON)
        assert run.snapshot_version == 4
        assert versions.next_version(connection, home, run) == 5


def test_a_version_knows_what_it_is_made_of(home: Home):
    with open_snapshot(home.current) as snapshot:
        found = snapshot.execute(
            "select snapshot_version, run_id, as_of, published_at, n_files, "
            "json_extract(settings, '$.keep_snapshots')::int, "
            "length(input_fingerprint), length(tables_fingerprint) "
            "from ops.snapshots order by all"
        ).fetchall()
        of_users = snapshot.execute(
            "select snapshot_version, n_rows, fingerprint = "
            "(select sum(hash(t)::hugeint)::varchar from marts.users as t) "
            "from ops.snapshot_tables where table_name = 'users' order by all"
        ).fetchall()
        of_ops = snapshot.execute(
            "select n_rows = (select count(*) from ops.snapshot_tables), fingerprint "
            "from ops.snapshot_tables where table_name = 'snapshot_tables' "
            "and snapshot_version = 3"
        ).fetchall()

    assert found == [
        (number, f"run_00000{number}", NOON, NOON, 0, 7, 64, 64) for number in (1, 2, 3)
    ]
    assert of_users == [(1, 1, False), (2, 1, False), (3, 1, True)]
    assert of_ops == [(True, None)]


def test_a_new_working_file_knows_of_all_versions(home: Home):
    upkeep.roll_back(home, 1)
    home.work_database.unlink()

    with prepared(home) as connection:
        assert connection.execute(
            "select count(*), max(snapshot_version) from ledger.snapshots"
        ).fetchall() == [(3, 3)]
        assert connection.execute(
            "select count(distinct snapshot_version) from ledger.snapshot_tables"
        ).fetchall() == [(3,)]


def test_the_last_version_of_each_month_is_kept(home: Home):
    for version, month in ((4, 2), (5, 3), (6, 3)):
        publish(home, version, as_of=NOON.replace(month=month, day=28))

    for n_months, kept in (
        (9, [3, 4, 5, 6]),
        (2, [4, 5, 6]),
        (1, [5, 6]),
        (0, [5, 6]),
    ):
        (home.root / "settings.yml").write_text(
            f"keep_snapshots: 2\nkeep_monthly_snapshots: {n_months}\n"
        )
        versions.remove_old(Home.at(home.root))

        assert snapshots.versions(home) == kept
        names = {path.name for path in home.published.glob("*.sha256")}
        assert names == {f"tessera_{version:06d}.duckdb.sha256" for version in kept}


def test_the_status_tells_of_each_version(home: Home):
    copy_half(snapshots.snapshot_path(home, 3))
    before = hashlib.sha256(snapshots.snapshot_path(home, 3).read_bytes()).hexdigest()

    found = status.read_status(home)

    assert [
        (one["version"], one["state"], one["is_current"], one["as_of"])
        for one in found["versions"]
    ] == [
        (3, "damaged", True, None),
        (2, "good", False, NOON),
        (1, "good", False, NOON),
    ]
    text = status.status_in_words(found)
    assert "version   3 damaged, current: its bytes are not" in text
    assert "to do     `tessera rollback` gives readers" in text
    assert "version   2 good, as of 2026-01-31 12:00:00" in text
    assert verifying.find_fault(home, 3) is not None
    assert snapshots.hash_file(snapshots.snapshot_path(home, 3)) == before
