"""Why something failed, in one sentence that may leave the private rooms.

What a person wrote or is called may stand in a message, in quotes or as an address;
what goes to `ops` and to a chat says what failed, and of whom it says nothing.
"""

import re

from warehouse.errors import ConfigurationError, TesseraError, WarehouseBusyError
from warehouse.redaction import redact

MOST_CHARACTERS = 300

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_STATEMENT = re.compile(r"\bLINE \d+:.*", re.DOTALL)
_OURS = (ConfigurationError, WarehouseBusyError)


def why_it_failed(error: BaseException) -> str:
    """Say in one sentence why something failed, without data of persons.

    What is quoted gives way to ``'...'``, but for wrong configuration, which quotes
    nothing else; addresses and telephone numbers are redacted. Of an error that nobody
    foresaw, its kind alone is told. At most `MOST_CHARACTERS` characters.

    Examples
    --------
    >>> why_it_failed(TesseraError("dbt: users: 'Ann Lee' is no number, ann@a.org"))
    "dbt: users: '...' is no number, [email]"
    >>> why_it_failed(KeyError("Ann Lee"))
    'KeyError, which was not foreseen; the log says more'
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if not isinstance(error, TesseraError):
        return f"{type(error).__name__}, which was not foreseen; the log says more"
    said = _STATEMENT.sub("", str(error))
    if not isinstance(error, _OURS):
        said = _QUOTED.sub("'...'", said)
    said = redact(" ".join(said.split()))
    if len(said) > MOST_CHARACTERS:
        said = said[: MOST_CHARACTERS - 3].rsplit(" ", 1)[0] + "..."
    return said
