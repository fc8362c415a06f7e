"""What lies in the inbox: sources, and the dumps of each in a fixed order."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from warehouse.errors import ConfigurationError
from warehouse.quarantine import FileReason, FileRefusedError
from warehouse.sources import CONFIG_FILE, Source, read_source

FORMATS = {  # by how a name ends
    "jsonl": "jsonl",
    "json": "json",
    "csv": "csv",
    "tsv": "csv",
    "parquet": "parquet",
}
PLAIN = "uncompressed"
COMPRESSIONS = {"gz": "gzip", "zst": "zstd", "zip": "zip"}
_SILENT = ("readme", "license", "licence", "changelog")
_UNFINISHED = (".part", ".partial", ".tmp", ".crdownload")


@dataclass(frozen=True)
class Dump:
    """One file to load, or to refuse unread."""

    path: Path
    file: str  # path below the source's folder
    format: str = ""  # one of the values of FORMATS
    compression: str = PLAIN  # or one of COMPRESSIONS
    n_bytes: int = 0
    refusal: FileRefusedError | None = None  # it must not even be opened


def find_sources(inbox: Path) -> list[tuple[Source, Path]]:
    """Read every source of the inbox, sorted by name, each with its folder.

    A folder may be a symbolic link; one whose name begins with a dot or an underscore
    is no source. A folder with nothing in it is not there yet.

    Raises
    ------
    ConfigurationError
        If a source.yml is missing or wrong.
    """
    if not inbox.is_dir():
        return []
    return [
        (read_source(folder), folder)
        for folder in sorted(inbox.iterdir())
        if folder.is_dir() and folder.name[0] not in "._" and any(folder.iterdir())
    ]


def find_dumps(folder: Path, warnings: list[str]) -> list[Dump]:
    """List the dumps of a source by name; add to `warnings` what is left alone.

    Only regular files below the folder are read: what else lies there is listed with
    the reason for which it is refused.
    """
    dumps = []
    for path in _walk(folder, folder, warnings):
        file = path.relative_to(folder).as_posix()
        try:
            mode = path.lstat()
        except FileNotFoundError:  # taken away just now
            continue
        if not file.isprintable():
            refusal = FileRefusedError(FileReason.BAD_NAME, "not printable")
            dumps.append(Dump(path, ascii(file)[1:-1], refusal=refusal))
            continue
        if not stat.S_ISREG(mode.st_mode):
            words = "a symbolic link" if path.is_symlink() else "a device or a pipe"
            refusal = FileRefusedError(FileReason.NOT_A_REGULAR_FILE, words)
            dumps.append(Dump(path, file, refusal=refusal))
            continue
        if found := _dump_by_name(path, file, mode.st_size):
            dumps.append(found)
        elif not path.name.lower().startswith(_SILENT):
            warnings.append(f"{folder.name}/{file}: of no known format, left alone")
    return dumps


def dump_at(path: Path) -> Dump:
    """Take a file for a dump, wherever it lies.

    Raises
    ------
    ConfigurationError
        If it is no regular file, or of no known format.
    """
    if not stat.S_ISREG(path.lstat().st_mode):
        raise ConfigurationError(f"{path}: not a regular file")
    found = _dump_by_name(path, path.name, path.stat().st_size)
    if found is None:
        known = ", ".join(f".{name}" for name in FORMATS)
        raise ConfigurationError(
            f"{path}: of no known format; known: {known}, each also "
            f"{', '.join(f'.{name}' for name in COMPRESSIONS)}"
        )
    return found


def _dump_by_name(path: Path, file: str, n_bytes: int) -> Dump | None:
    """Tell by its name how a file is packed, and what is in it."""
    suffixes = path.name.lower().split(".")
    packing = COMPRESSIONS.get(suffixes[-1], PLAIN)
    if packing != PLAIN:
        suffixes.pop()
    if len(suffixes) == 1 or suffixes[-1] not in FORMATS:
        return None
    return Dump(path, file, FORMATS[suffixes[-1]], packing, n_bytes)


def find_strays(inbox: Path) -> list[str]:
    """Name the files that lie beside the folders of the sources, in none of them."""
    if not inbox.is_dir():
        return []
    return [
        path.name
        for path in sorted(inbox.iterdir())
        if not path.is_dir() and path.name[0] not in "._"
        if not path.name.lower().startswith(_SILENT)
    ]


def _walk(folder: Path, root: Path, warnings: list[str]) -> Iterator[Path]:
    """Yield the files below, sorted; folders that are links are not entered."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        where = ascii(folder.relative_to(root.parent).as_posix())[1:-1]
        warnings.append(f"{where}: {error.strerror}, left alone")
        return
    for entry in entries:
        path = Path(entry.path)
        if entry.name[0] in "._" or entry.name.lower().endswith(_UNFINISHED):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(path, root, warnings)
        elif not (folder == root and entry.name == CONFIG_FILE):
            yield path
