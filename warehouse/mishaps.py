"""What a machine or a disk does to a stage, in words that say what to do."""

import duckdb

from warehouse import damage, space
from warehouse.errors import TesseraError
from warehouse.home import Home

OURS = (  # to be blamed on the warehouse or its machine, not on a file
    duckdb.FatalException,
    duckdb.InternalException,
    duckdb.OutOfMemoryException,
    duckdb.TransactionException,
)
_VAULT_DAMAGED = "Invalid Input Error: Computed AES tag differs"


def is_ours(error: BaseException) -> bool:
    """Tell whether the warehouse or its machine is to blame, and no dump.

    Words count only of errors that do not quote what is in a dump.
    """
    if isinstance(error, OURS) or str(error).startswith(_VAULT_DAMAGED):
        return True
    return isinstance(error, duckdb.IOException | OSError) and (
        space.tells_of_full_disk(error) or damage.tells_of_damage(error)
    )


def explained(error: Exception, home: Home) -> Exception:
    """Say in words what a full disk or a damaged file did; leave others as they are.

    After damage the next stage trusts nothing that it did not look at.
    """
    if space.tells_of_full_disk(error):
        return space.explain_full_disk(error, home)
    if damage.tells_of_damage(error):
        damage.distrust(home)
        return TesseraError(
            f"{home.warehouse}: DuckDB found a damaged file: "
            f"{' '.join(str(error).split())[:300]}. Run `tessera run`: it sets aside "
            "what is damaged and reads the inbox again; the last good snapshot stands"
        )
    return error
