"""Loaded files that nobody has touched since their bytes were last read.

An inbox grows with history, and is looked at by every load: what was read once is known
again by what the file system tells of it, and only what was touched is read.
"""

from datetime import UTC, datetime, timedelta

import duckdb

from warehouse.arrival import Arrival, FileState
from warehouse.connection import transaction

# A file system may tell the same time twice to whoever writes twice in a moment.
SURE_AFTER = timedelta(seconds=3)


class UntouchedFiles:
    """What is known of loaded files from earlier loads, and noted for later ones.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Open on the private warehouse.
    looked_at : datetime
        When this load began, naive UTC. What was touched just before it is not noted.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, looked_at: datetime
    ) -> None:
        self.connection = connection
        sure = looked_at.replace(tzinfo=UTC) - SURE_AFTER
        self.sure_before_ns = int(sure.timestamp() * 1e9)
        self.known = {
            (source, file): FileState(*state)
            for source, file, *state in connection.execute(
                """
                select source, file, device, inode, n_bytes, modified_ns, changed_ns
                from ledger.files_touched as touched
                semi join ledger.files as files
                    on touched.source = files.source
                    and touched.file = files.file
                    and touched.sha256 = files.sha256
                    and files.status = 'loaded'
                """
            ).fetchall()
        }
        self.noted: dict[tuple[str, str], tuple[str, FileState]] = {}

    def has(self, arrival: Arrival) -> bool:
        """Tell whether a file is what was loaded under its name."""
        return (
            arrival.state is not None
            and not arrival.refusal
            and self.known.get(_key(arrival)) == arrival.state
        )

    def note(self, arrival: Arrival, sha256: str) -> None:
        """Note that a file was read as a whole since it arrived."""
        state = arrival.state
        if state and max(state.modified_ns, state.changed_ns) < self.sure_before_ns:
            self.noted[_key(arrival)] = sha256, state

    def keep(self) -> None:
        """Keep what was noted for the loads to come."""
        if not self.noted:
            return
        with transaction(self.connection):
            self.connection.executemany(
                "delete from ledger.files_touched where source = ? and file = ?",
                [list(key) for key in self.noted],
            )
            self.connection.executemany(
                "insert into ledger.files_touched values (?, ?, ?, ?, ?, ?, ?, ?)",
                [[*key, sha256, *touch] for key, (sha256, touch) in self.noted.items()],
            )


def _key(arrival: Arrival) -> tuple[str, str]:
    """Name a file as the ledger does."""
    return arrival.source.name, arrival.dump.file
