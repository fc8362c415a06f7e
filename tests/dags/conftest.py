"""DAGs are tested on homes of their own; Airflow itself only in processes of its own.

Importing Airflow reads its settings and rearranges the logging of the whole process:
nothing that a test beside it should have to live with.
"""

import json
import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "dags")]

SOURCE = """\
adapter: generic
kind: events
columns:
  event_id: id
  user_id: who
  event_name: what
  occurred_at: at
"""


def write_home(root: Path, n_persons: int) -> Path:
    """Make a home with one small dump: persons who are there on one to five days."""
    source = root / "inbox" / "shop"
    source.mkdir(parents=True)
    (source / "source.yml").write_text(SOURCE)
    events = [
        {
            "id": f"{person}-{day}",
            "who": f"user_{person:02d}",
            "what": "page_view",
            "at": f"2026-03-{1 + day:02d}T{person % 24:02d}:00:00Z",
        }
        for person in range(n_persons)
        for day in range(1 + person % 5)
    ]
    lines = "".join(json.dumps(event) + "\n" for event in events)
    (source / "events.jsonl").write_text(lines)
    (root / "settings.yml").write_text("segment_methods: [kmeans]\n")
    return root


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home of thirty persons, which are enough to find segments among them."""
    return write_home(tmp_path / "home", 30)


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """A home of ten persons, in which no segments are looked for."""
    return write_home(tmp_path / "home", 10)


@pytest.fixture
def environment() -> dict[str, str]:
    """The environment, without a home that the person at the keyboard has set."""
    ours = ("AIRFLOW", "TESSERA")
    return {name: said for name, said in os.environ.items() if name[:7] not in ours}
