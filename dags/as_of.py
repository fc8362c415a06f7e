"""The moment before which things count, on its way from DAG to DAG.

Scheduled, it is when the load began, carried by the asset event. By hand it is not
said: the build then takes the midnight after the last event of the warehouse.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

KEY = "as_of"
CLOCK_TOLERANCE = timedelta(minutes=5)


def when_load_began(run_type: str, started_at: datetime) -> datetime | None:
    """Tell the `as_of` of a load: its start if it was scheduled, else None."""
    return _naive_utc(started_at) if run_type == "scheduled" else None


def hand_on(as_of: datetime | None) -> dict[str, str]:
    """Write `as_of` as the extra of an asset event."""
    return {KEY: as_of.isoformat()} if as_of else {}


def latest_handed_on(
    extras: Iterable[Mapping[str, Any]], now: datetime
) -> datetime | None:
    """Read the greatest `as_of` of asset events' extras; None if none carries one.

    Raises
    ------
    ValueError
        If one is not an ISO timestamp, or is later than `now`.
    """
    found = [extra[KEY] for extra in extras if extra.get(KEY) is not None]
    moments = [_parse(value) for value in found]
    for moment in moments:
        if moment > _naive_utc(now) + CLOCK_TOLERANCE:
            raise ValueError(f"as_of {moment} of an asset event lies in the future")
    return max(moments, default=None)


def _parse(value: Any) -> datetime:
    """Read one ISO timestamp; without an offset it is in UTC."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError(
            f"as_of {value!r} of an asset event is not an ISO timestamp"
        ) from None
    return _naive_utc(moment)


def _naive_utc(moment: datetime) -> datetime:
    """Take a moment to UTC, without its zone and below the second."""
    if moment.tzinfo:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment.replace(microsecond=0)
