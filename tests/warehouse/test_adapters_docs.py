"""Each map has a page that says all of it, and agrees with what dbt knows."""

import csv
import re
from pathlib import Path

import pytest

from warehouse.sources import MAPS, Source, read_source, with_map

ROOT = Path(__file__).parents[2]
ADAPTERS = sorted(path.stem for path in MAPS.glob("*.yml"))


def read_map(adapter: str) -> Source:
    return Source.model_validate(with_map({"adapter": adapter}))


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_every_path_of_a_map_stands_on_its_page(adapter: str):
    page = (ROOT / "docs" / "adapters" / f"{adapter}.md").read_text()
    source = read_map(adapter)
    rules = [rule for part in (source, *source.parts) for rule in part.columns.values()]
    inner = {name for rule in rules for names in (rule.fields or {}).values()
             for name in names}  # fmt: skip
    told = set(re.findall(r"`([^`]+)`", re.sub(r"(?s)```.*?```", "", page)))

    assert {*source.paths, *inner, *source.unpack} - told == set()


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_each_source_that_a_page_describes_can_be_read(adapter: str, tmp_path: Path):
    page = (ROOT / "docs" / "adapters" / f"{adapter}.md").read_text()
    described = re.findall(r"(?s)```yaml\n(.+?)```", page)

    assert described
    for text in described:
        (tmp_path / "source.yml").write_text(text)
        assert read_source(tmp_path).adapter == adapter


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_map_and_dbt_call_an_event_the_same(adapter: str):
    with (ROOT / "dbt_project" / "seeds" / "event_types.csv").open() as file:
        types = {row["alias"]: row["event_type"] for row in csv.DictReader(file)}
    names = read_map(adapter).columns.get("event_name")  # orders have none
    values = (names and names.values) or {}
    alias = {theirs: re.sub("[^a-z0-9]", "", theirs.lower()) for theirs in values}

    assert set(values.values()) <= set(types.values()) - {"other"}
    assert {theirs: types.get(alias[theirs], ours) for theirs, ours in values.items()
            } == values  # fmt: skip
