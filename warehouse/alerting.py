"""One message to a chat, when something failed for good or a gate warns.

The address is a secret: it is in ``$TESSERA_ALERT_WEBHOOK``, or in the file
`secrets/alert_webhook` (0600) of the home, and never in a log, a message or an error.
"""

import http.client
import json
import logging
import os
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.errors import ConfigurationError, GateFailedError, WarehouseBusyError
from warehouse.home import Home
from warehouse.redaction import redact
from warehouse.telling import why_it_failed

if TYPE_CHECKING:
    from warehouse.framing import StageResult

VARIABLE = "TESSERA_ALERT_WEBHOOK"
SECONDS_TO_ANSWER = 5
SECONDS_BETWEEN_TRIES = (1.0, 3.0)  # so three tries
MOST_ANSWER_BYTES = 1024

# Signs that would call people or make a link, and a space of no width after a sign.
_ESCAPED = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "@\u200b", "]": "]\u200b"}
)

logger = logging.getLogger("tessera")


@dataclass(frozen=True)
class Alert:
    """What is told: what happened where, why, and what to do about it."""

    status: str  # failed, warned
    where: str  # such as refresh_segments.build, or tessera run
    reason: str
    what_to_do: str
    dag: str | None = None
    task: str | None = None
    run: str | None = None

    def as_json(self) -> bytes:
        """Write it as the hooks of Slack, Mattermost and their like take it.

        They read `text`, in which ``<!channel>`` or ``@here`` would call people.
        """
        text = f"Tessera: {self.where} {self.status}: {self.reason}. {self.what_to_do}"
        told = {name: value for name, value in asdict(self).items() if value}
        return json.dumps({"text": text.translate(_ESCAPED), **told}).encode()


def send(home: Home, alert: Alert) -> bool:
    """Send an alert, if there is an address; whatever goes wrong fails nobody.

    Returns
    -------
    bool
        Whether it has arrived.
    """
    try:
        url = _webhook(home)
        return bool(url) and _post(url, alert.as_json())
    except (ConfigurationError, OSError) as error:
        reason = str(error) if isinstance(error, ConfigurationError) else error.strerror
        logger.warning("no alert was sent: %s", reason)
    return False


@contextmanager
def alerted(home: Home, where: str) -> Generator[None]:
    """Send an alert if the block fails, but for a warehouse that is only busy."""
    try:
        yield
    except WarehouseBusyError:
        raise
    except Exception as error:
        send(home, Alert("failed", where, why_it_failed(error), what_to_do(error)))
        raise


def warn(home: Home, result: "StageResult", **where: str) -> None:
    """Send what a stage has found that nobody was told of before, if anything.

    Names of files, events and sources are in it, addresses and numbers are not.
    """
    told = "; ".join(
        line.removeprefix("warning: ") for line in result.details.get("news", [])
    )
    if told:
        again = (
            "The snapshot is published. `tessera status` explains each gate"
            if result.stage == "publish"
            else "`tessera status` says what to do; every load tries refused files "
            "again, and the last good snapshot stands"
        )
        send(
            home, Alert("warned", reason=redact(told)[:1000], what_to_do=again, **where)
        )


def what_to_do(error: BaseException) -> str:
    """Tell the next step after a failure."""
    if isinstance(error, GateFailedError):
        return (
            "The last good snapshot stands. Mend what was found and run again; or, if "
            "it is as it should be, accept it as docs/gates.md says"
        )
    if isinstance(error, ConfigurationError):
        return "Correct what is named there, then run it again"
    return "The last good snapshot stands. `tessera status` says what to do"


def _webhook(home: Home) -> str | None:
    """Read the address, if there is one.

    Raises
    ------
    ConfigurationError
        If others may read the file, or it is no address of the web; it is not quoted.
    """
    url, place = os.environ.get(VARIABLE, "").strip(), f"${VARIABLE}"
    file = home.secrets / "alert_webhook"
    if not url and file.exists():
        url, place = _read_private(file), str(file)
    if url and not url.lower().startswith(("http://", "https://")):
        raise ConfigurationError(f"{place} is no address that begins with https://")
    return url or None


def _read_private(file: Path) -> str:
    """Read a file that nobody else may read."""
    if file.stat().st_mode & 0o077:
        raise ConfigurationError(f"others may read {file}: chmod 600 it")
    return file.read_text(encoding="utf-8", errors="replace").strip()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follow nobody to another address: the message was meant for this one."""

    def redirect_request(self, *_args, **_options) -> None:
        """Give no other request."""


def _post(url: str, body: bytes) -> bool:
    """Post JSON, and again after a moment if the other side could not take it."""
    for pause in (*SECONDS_BETWEEN_TRIES, None):
        try:
            _post_once(url, body)
        except urllib.error.HTTPError as error:
            error.close()
            said = f"HTTP status {error.code}"
            is_passing = error.code >= 500 or error.code == 429
        except (OSError, ValueError, http.client.HTTPException) as error:
            # Its text may hold the address.
            said = _kind(error)
            is_passing = isinstance(error, OSError)
        else:
            return True
        if pause is None or not is_passing:
            break
        time.sleep(pause)
    logger.warning("the alert did not arrive: the webhook answers with %s", said)
    return False


def _post_once(url: str, body: bytes) -> None:
    """Post JSON, or raise."""
    request = urllib.request.Request(  # noqa: S310 - its scheme was checked
        url, data=body, headers={"Content-Type": "application/json"}, method="POST"
    )
    opener = urllib.request.build_opener(_NoRedirect)
    with opener.open(request, timeout=SECONDS_TO_ANSWER) as answer:
        answer.read(MOST_ANSWER_BYTES)


def _kind(error: Exception) -> str:
    """Name an error without its words."""
    reason = getattr(error, "reason", error)
    return type(reason if isinstance(reason, Exception) else error).__name__
