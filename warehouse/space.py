"""Room on the disk: looked at before a stage writes, and told of when it runs out.

How much a stage will take is an estimate, from what it took of made-up shops (see
docs/surviving.md). A disk that fills up all the same loses nothing: every write is
either whole or taken back, and what readers see is not touched.
"""

import errno
import re
import shutil
from pathlib import Path

from warehouse.errors import TesseraError
from warehouse.home import Home

RESERVE = 32 * 2**20  # bytes that any stage needs: logs, a write-ahead log, the ledger
SPILL_SHARE = 0.5  # of what is free: the rest is for the tables that are being made

_WORDS = ("No space left on device", "Disk quota exceeded")
_NUMBERS = (errno.ENOSPC, errno.EDQUOT)
_SPILL_WORDS = "max_temp_directory_size"
_QUOTED_PATH = re.compile(r'"(/[^"]+)"')


def free_bytes(path: Path) -> int:
    """Tell how much may still be written where `path` is, or will be."""
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


def require(folder: Path, n_bytes: float, purpose: str) -> None:
    """Refuse to begin what would not fit.

    Raises
    ------
    TesseraError
        If fewer than `n_bytes` and a reserve are free where `folder` is.
    """
    needed, free = int(n_bytes) + RESERVE, free_bytes(folder)
    if free < needed:
        raise TesseraError(
            f"{folder}: about {in_words(needed)} are needed {purpose}, and "
            f"{in_words(free)} are free; free some space and run again. Nothing was "
            "written, and the last good snapshot stands"
        )


def spill_limit(home: Home) -> str:
    """Say how much DuckDB may spill, as it wants to be told.

    Its own default, nine tenths of the disk, leaves no room for the answer.
    """
    return f"{int(free_bytes(home.spill) * SPILL_SHARE) // 2**20}MiB"


def tells_of_full_disk(error: BaseException) -> bool:
    """Tell whether an error is that of a disk, a quota or a spill that is full."""
    is_number = isinstance(error, OSError) and error.errno in _NUMBERS
    words = str(error)
    return is_number or any(word in words for word in (*_WORDS, _SPILL_WORDS))


def explain_full_disk(error: BaseException, home: Home) -> TesseraError:
    """Say of an error that `tells_of_full_disk` which disk it is, and what to do."""
    words = str(error)
    named = error.filename if isinstance(error, OSError) else None
    found = _QUOTED_PATH.search(words)
    path = Path(str(named or (found[1] if found else home.root)))
    if _SPILL_WORDS in words and not any(word in words for word in _WORDS):
        path = home.spill
    return TesseraError(
        f"{path}: the disk is full, {in_words(free_bytes(path))} are free. Free some "
        "space there (`keep_snapshots` in settings.yml says how many published "
        "versions stay) and run again: it goes on from what is whole, and the last "
        "good snapshot stands"
    )


def in_words(n_bytes: int) -> str:
    """Write a number of bytes, exactly and for the eye."""
    return f"{n_bytes:,} bytes ({n_bytes / 1e6:,.0f} MB)"
