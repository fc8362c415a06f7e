"""The files of fitted models, and which of them may be opened.

What the bytes of a model must be is told by the registry of the published snapshot,
`segments.segment_models`: whoever can change a file can change what lies beside it as
well. A file is named by version and hash, so that a model that is never published takes
the place of none that is.
"""

import errno
import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import duckdb

from ml.errors import ModelRefusedError
from warehouse.faults import fault_point
from warehouse.home import Home
from warehouse.keys import sync_folder
from warehouse.packing import open_regular
from warehouse.quarantine import FileRefusedError

MOST_BYTES = 50_000_000
MOST_TRIED = 5  # whose fits may be weeks apart; older ones know little of who is there
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")

Model = TypeVar("Model")


@dataclass(frozen=True)
class _Record:
    """What the registry knows of a model."""

    model_version: str
    run_id: str
    sha256: str

    def __str__(self) -> str:
        return f"model {self.model_version}, fitted by {self.run_id},"


def keep_model(home: Home, version: str, content: bytes) -> str:
    """Write a model's file, whole or not at all, and tell its hash.

    Files stay: each is small, and a snapshot that readers go back to needs its own.

    Returns
    -------
    str
        SHA-256 of `content` in hexadecimal, for the registry.
    """
    sha256 = hashlib.sha256(content).hexdigest()
    path = model_path(home, version, sha256)
    partial = path.with_name(".model.partial")
    partial.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(partial, flags, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fault_point("segment")
    partial.replace(path)
    sync_folder(path.parent)
    fault_point("segment")
    return sha256


def read_model(home: Home, version: str, sha256: str) -> bytes:
    """Read the bytes of a model, if they are those that were kept.

    Raises
    ------
    ModelRefusedError
        If the file is missing, no regular file, too large or of another hash.
    """
    content = _read(model_path(home, version, sha256), MOST_BYTES)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ModelRefusedError("the bytes of its file are not those that were kept")
    return content


def open_last_good(
    home: Home,
    connection: duckdb.DuckDBPyConnection,
    open_model: Callable[[bytes], Model],
) -> tuple[Model | None, list[str]]:
    """Open the model behind the current snapshot, else the last before it that opens.

    Those that were fitted after it are left alone: they were refused before, or readers
    were taken back to what was before them.

    Parameters
    ----------
    home : Home
    connection : DuckDBPyConnection
        To a private warehouse whose `previous` tables are filled.
    open_model : callable
        Makes a model of bytes, or raises `ModelRefusedError`.

    Returns
    -------
    model : Model or None
        None if there is none to open: one has to be fitted.
    refusals : list of str
        A sentence for each model that was refused, in the order of trial.
    """
    refusals = []
    for record in _records(connection)[:MOST_TRIED]:
        try:
            content = read_model(home, record.model_version, record.sha256)
            return open_model(content), refusals
        except ModelRefusedError as refusal:
            refusals.append(f"{record} is refused: {refusal}")
    return None, refusals


def model_path(home: Home, version: str, sha256: str) -> Path:
    """Name the file of a model.

    Raises
    ------
    ModelRefusedError
        If the version is none of ours, which might lead out of the folder.
    """
    if not _VERSION.fullmatch(version):
        raise ModelRefusedError("its version is none of ours")
    return home.models / f"{version}.{sha256[:12]}.skops"


def _records(connection: duckdb.DuckDBPyConnection) -> list[_Record]:
    """List the models to be tried, the one that serves first."""
    serving = connection.execute(
        "select distinct model_version from previous.user_segments "
        "where model_version is not null"
    ).fetchall()
    if len(serving) != 1:
        return []
    ((version,),) = serving
    rows = connection.execute(
        """
        select model_version, run_id, sha256 from previous.segment_models
        where run_id <= (
            select max(run_id) from previous.segment_models where model_version = $1
        )
        order by run_id desc
        """,
        [version],
    ).fetchall()
    return [_Record(*row) for row in rows]


def _read(path: Path, most_bytes: int) -> bytes:
    """Read a regular file that is not too large, following no link."""
    try:
        with open_regular(path) as file:
            content = file.read(most_bytes + 1)
    except FileNotFoundError:
        raise ModelRefusedError(f"{path.name} is missing") from None
    except (FileRefusedError, OSError) as error:
        number = getattr(error, "errno", errno.ELOOP)
        words = (
            "is no regular file"
            if number in (errno.ELOOP, errno.EISDIR, errno.ENXIO)
            else f"cannot be read: {os.strerror(number)}"
        )
        raise ModelRefusedError(f"{path.name} {words}") from None
    if len(content) > most_bytes:
        raise ModelRefusedError(f"{path.name} has more than {most_bytes:,} bytes")
    return content
