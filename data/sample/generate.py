"""Write the sample: a year of a made-up online shop, with the warts of real dumps.

Run it as ``python data/sample/generate.py --out DIR``, or call `write_sample`. The same
seed gives the same bytes; no clock is read. See ../README.md for what is planted.
"""

import logging
import sys
import time
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parent))  # its rooms, however it was started

from sample_shop.dumps import make_files
from sample_shop.shop import make_shop

log = logging.getLogger("sample")

MIN_USERS, MIN_DAYS, MAX_DAYS = 20, 31, 365


def write_sample(
    folder: Path, *, n_users: int = 1500, seed: int = 7, n_days: int = 365
) -> None:
    """Write `inbox/<source>/` with its dumps, and `truth/` beside it, into `folder`.

    Files of the same names are overwritten; others are left alone.

    Parameters
    ----------
    folder : Path
        Where `inbox` and `truth` go; made if it is not there.
    n_users : int, default 1500
        People, at least 20; some of them are only ever anonymous.
    seed : int, default 7
        The same seed gives the same bytes.
    n_days : int, default 365
        Days from 2025-01-01 on, 31 to 365.

    Raises
    ------
    ValueError
        If there are too few people or days, or more days than the year has.
    """
    if n_users < MIN_USERS:
        raise ValueError(f"{n_users} users are too few: at least {MIN_USERS}")
    if not MIN_DAYS <= n_days <= MAX_DAYS:
        raise ValueError(f"{n_days} days: from {MIN_DAYS} to {MAX_DAYS} can be made")
    files = make_files(make_shop(n_users=n_users, seed=seed, n_days=n_days))
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@click.command()
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--users", default=1500, show_default=True, type=click.IntRange(MIN_USERS)
)
@click.option("--seed", default=7, show_default=True, type=click.IntRange(0))
@click.option(
    "--days",
    default=365,
    show_default=True,
    type=click.IntRange(MIN_DAYS, MAX_DAYS),
)
def main(out: Path, users: int, seed: int, days: int) -> None:
    """Write a made-up shop's dumps into OUT/inbox, and the truth into OUT/truth."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    began = time.monotonic()
    write_sample(out, n_users=users, seed=seed, n_days=days)
    log.info(
        "%d users, seed %d: written to %s in %.1f s",
        users,
        seed,
        out / "inbox",
        time.monotonic() - began,
    )


if __name__ == "__main__":
    main()
