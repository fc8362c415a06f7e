"""dbt's events, without those that nobody hears.

dbt tells of some twenty steps a node, most of them for debugging, and writes each out
as a message before it asks whether anybody listens.
"""

from typing import Any

from dbt_common.events.base_types import BaseEvent, EventLevel
from dbt_common.events.event_manager import EventManager
from dbt_common.events.event_manager_client import (
    ctx_set_event_manager,
    get_event_manager,
)


class AudibleEvents(EventManager):
    """Hands on what our log file and listeners get to see, from `info` on."""

    def fire_event(
        self,
        e: BaseEvent,
        level: EventLevel | None = None,
        node: Any = None,
        force_warn_or_error_handling: bool = False,
    ) -> None:
        """Tell loggers and listeners, unless it is for debugging alone."""
        if (level or e.level_tag()) not in (EventLevel.DEBUG, EventLevel.TEST):
            super().fire_event(e, level, node, force_warn_or_error_handling)


def leave_out_what_nobody_hears() -> None:
    """Have this process's dbt go by `AudibleEvents`."""
    if not isinstance(get_event_manager(), AudibleEvents):
        ctx_set_event_manager(AudibleEvents())
