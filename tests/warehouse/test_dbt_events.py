"""Of dbt's events only those for debugging go unheard."""

import pytest
from dbt_common.events.base_types import BaseEvent, EventLevel
from dbt_common.events.types import Note, RetryExternalCall

from warehouse.dbt_events import AudibleEvents


@pytest.mark.parametrize(
    ("event", "level", "is_heard"),
    [
        (Note(msg="said"), None, True),
        (Note(msg="said"), EventLevel.DEBUG, False),
        (RetryExternalCall(attempt=1, max=2), None, False),
        (RetryExternalCall(attempt=1, max=2), EventLevel.WARN, True),
    ],
)
def test_what_is_said_from_info_on_is_heard(
    event: BaseEvent, level: EventLevel | None, is_heard: bool
):
    heard = []
    events = AudibleEvents()
    events.add_callback(lambda message: heard.append(message.info.name))

    events.fire_event(event, level)

    assert heard == ([type(event).__name__] if is_heard else [])
