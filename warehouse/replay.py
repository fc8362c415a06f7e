"""Quarantine, loaded again once what was wrong is mended."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import duckdb

from warehouse.adapters.generic import judge_staged, stage_again
from warehouse.connection import drop_temporary, rows_by_name
from warehouse.errors import ConfigurationError
from warehouse.home import Home
from warehouse.inbox import find_sources
from warehouse.keys import Keyring
from warehouse.pseudonyms import Pseudonymizer
from warehouse.quarantine import UNREADABLE, FileRefusedError
from warehouse.raw_rows import LedgerFile, store_replayed, time_limits
from warehouse.sources import Source
from warehouse.vault import Vault, vault_of


@dataclass
class ReplaySummary:
    """What came of the lines in quarantine."""

    n_lines: int = 0
    n_accepted: int = 0
    n_unreadable: int = 0
    warnings: list[str] = field(default_factory=list)

    def in_words(self) -> str:
        """Say it in a line, and each warning in one of its own."""
        n_bad = self.n_lines - self.n_accepted
        words = (
            f"{self.n_lines:,} lines looked at again: {self.n_accepted:,} accepted, "
            f"{n_bad:,} still refused"
        )
        if self.n_unreadable:
            words += f"; {self.n_unreadable:,} are of bytes that cannot be read at all"
        return "\n".join([words, *self.warnings])


def replay_quarantine(
    connection: duckdb.DuckDBPyConnection,
    home: Home,
    *,
    load_id: int,
    loaded_at: datetime,
    only: str | None = None,
) -> ReplaySummary:
    """Judge quarantined lines by the source.yml of today; accept those that are good.

    A line becomes the row that it would have been, of its file and line number: the
    ledger's counts move with it. Each file is a transaction of its own.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Open on the private warehouse, in no transaction.
    home : Home
        Whose quarantine is replayed.
    load_id : int
        Number of this load, kept with the rows.
    loaded_at : datetime
        When it began, naive UTC.
    only : str, optional
        One source; by default all.

    Raises
    ------
    ConfigurationError
        If a source.yml or a key is wrong, or `only` is no source.
    """
    summary = ReplaySummary()
    sources = {source.name: source for source, _ in find_sources(home.inbox)}
    if only is not None and only not in sources:
        known = ", ".join(sources) or "none"
        raise ConfigurationError(f"{only!a} is no source of the inbox; known: {known}")
    keyring = Keyring(home, connection)
    keyring.check()
    pseudonymizer = Pseudonymizer(home, connection, keyring, home.settings.phone_region)
    with pseudonymizer.functions(), vault_of(home, connection, keyring) as vault:
        for row in _quarantined_files(connection, only):
            summary.n_unreadable += row.pop("n_unreadable")
            if not (n_lines := row.pop("n_readable")):
                continue
            n_accepted = row.pop("n_accepted")
            now: dict[str, Any] = {"load_id": load_id, "loaded_at": loaded_at}
            file = LedgerFile(**row | now)
            where = f"{file.source}/{file.file}"
            source = sources.get(file.source)
            summary.n_lines += n_lines
            if file.format is None:
                summary.warnings.append(
                    f"{where}: loaded by an earlier version; deliver it again"
                )
            elif source is None:
                summary.warnings.append(f"{where}: its source is no longer there")
            elif source.kind != file.kind and n_accepted:
                summary.warnings.append(
                    f"{where}: was loaded as {file.kind}; deliver it again"
                )
            else:
                vault.open()
                _replay_file(connection, source, file, pseudonymizer, vault, summary)
    return summary


def _quarantined_files(
    connection: duckdb.DuckDBPyConnection, only: str | None
) -> list[dict[str, Any]]:
    """List the files with lines in quarantine, oldest first."""
    unreadable = ", ".join(f"'{reason}'" for reason in UNREADABLE)
    rows = rows_by_name(
        connection,
        f"""
        select
            file_id, files.load_id, files.source, files.file, kind, sha256, n_bytes,
            loaded_at, format, header, n_accepted,
            count(*) filter (held.reason not in ({unreadable})) as n_readable,
            count(*) filter (held.reason in ({unreadable})) as n_unreadable
        from ledger.files as files
        inner join ledger.quarantine as held using (file_id)
        where status = 'loaded'
        group by all
        order by file_id
        """,
    )
    return [row for row in rows if only in (None, row["source"])]


def _replay_file(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    file: LedgerFile,
    pseudonymizer: Pseudonymizer,
    vault: Vault,
    summary: ReplaySummary,
) -> None:
    disclosed = pseudonymizer.begin_file(source.phone_region)
    vault.forget_replayed(file.file_id)  # as a replay that was killed has not
    try:
        reading = stage_again(
            connection, source, file.file_id, file.format, file.header
        )
        limits = time_limits(connection, source, file.file_id, file.loaded_at)
        judge_staged(connection, source, reading, limits)
        summary.n_accepted += store_replayed(connection, source, file, vault, disclosed)
    except FileRefusedError as refusal:
        summary.warnings.append(f"{source.name}/{file.file}: {refusal}")
    finally:
        drop_temporary(connection)
