"""A source.yml is checked at the door; every mistake is named with its file."""

from pathlib import Path

import pytest

from warehouse.errors import ConfigurationError
from warehouse.sources import read_source

GOOD = """
adapter: generic
kind: events
timezone: Europe/Berlin
namespace: shop
on_redelivery: replace
publish_attributes: [plan]
columns:
  user_id: customer
  session_id: context.session
  event_name: {column: action, values: {bought: purchase, 1: page_view}}
  occurred_at: {column: ts, unit: ms}
  country: {value: DE}
"""


PINGS = "pings: {{first_after: {}, every: {}}}"


def read(tmp_path: Path, text: str, name: str = "shop"):
    folder = tmp_path / name
    folder.mkdir()
    (folder / "source.yml").write_text(text)
    return read_source(folder)


def test_every_form_of_column_is_read(tmp_path: Path):
    source = read(tmp_path, GOOD)

    assert source.name == "shop"
    assert source.columns["user_id"].column == ["customer"]
    assert source.columns["event_name"].values == {
        "bought": "purchase",
        "1": "page_view",
    }
    assert source.columns["occurred_at"].unit == "ms"
    assert source.columns["country"].value == "DE"
    assert source.paths == ["customer", "context.session", "action", "ts"]


def test_a_source_is_trusted_as_it_says(tmp_path: Path):
    assert read(tmp_path, GOOD).trust == 0
    assert read(tmp_path, f"trust: 7\n{GOOD}", "crm").trust == 7
    assert read(tmp_path, f"trust: -7\n{GOOD}", "list").trust == -7


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("kind: events", "kind: clicks", "kind"),
        ("adapter: generic", "adapter: segment", "segment knows its own"),
        ("adapter: generic", "adapter: magic", "there is no 'magic'"),
        ("adapter: generic", "adapter: segmnt", "did you mean segment?"),
        ("adapter: generic", "adapter: 7", "there is no 7"),
        ("Europe/Berlin", "Berlin", "'Berlin' is not a name like"),
        ("Europe/Berlin", "../../etc/passwd", "is not a name like"),
        ("namespace: shop", "namespace: a:b", "namespace"),
        ("on_redelivery: replace", "on_redelivery: ask", "on_redelivery"),
        ("user_id: customer", "user_di: customer", "did you mean user_id"),
        ("user_id: customer", "user_id: 5", "columns.user_id"),
        ("user_id: customer", "user_id: {value: 1, unit: s}", "nothing else"),
        ("user_id: customer", "user_id: {column: a, colum: b}", "colum"),
        ("user_id: customer", "user_id: {column: a, unit: s}", "unit is for times"),
        ("user_id: customer", "user_id: {column: a, matches: x}", "matches is for is_"),
        ("user_id: customer", "user_id: {value: 1, unless: {a: b}}", "nothing else"),
        ("user_id: customer", "user_id: {column: a, unless: {b: '['}}", "unless"),
        ("user_id: customer", "user_id: {column: a, unless: '['}", "unless"),
        ("user_id: customer", "user_id: {column: a, unless: {b: 1}}", "unless"),
        ("  user_id: customer\n", "", "need user_id or anonymous_id"),
        ("{value: DE}", "{value: NO}", "quote it"),
        ("{bought: purchase,", "{yes: purchase,", "quote"),
        ("session_id: context.session", "session_id: ts.x", "ts and ts.x"),
        ("[plan]", "[customer]", "customer is mapped already"),
        ("[plan]", "plan", "publish_attributes"),
        ("kind: events", "kind: events\nformat: csv", "format"),
        ("kind: events", "kind: events\nname: x", "named by its folder"),
        ("kind: events", "kind: events\nwhere: {a: b}", "only parts in also"),
        ("kind: events", "kind: events\nis_part: true", "only parts in also"),
        ("kind: events", "kind: events\ntrust: high", "trust"),
        ("kind: events", "kind: events\ntrust: 1.5", "trust"),
        ("kind: events", "kind: events\ntrust: true", "trust"),
        ("kind: events", "kind: events\ntrust: 1001", "trust: .*1000"),
        ("kind: events", "kind: events\npings: 10", "pings"),
        ("kind: events", "kind: events\npings: {every: 10}", "pings.first_after"),
        ("kind: events", f"kind: events\n{PINGS.format(5, 0)}", "pings.every"),
        ("kind: events", f"kind: events\n{PINGS.format(-1, 9)}", "pings.first_after"),
        ("kind: events", "kind: events\nrequired: session_id", "required"),
        ("kind: events", "kind: events\nrequired: [ip]", "ip is not in columns"),
        ("user_id: customer", "user_id: {column: a, extract: '['}", "extract"),
        ("user_id: customer", "user_id: {column: a, extract: 'b'}", "extract"),
        ("user_id: customer", "user_id: {value: a, extract: '(b)'}", "nothing else"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, old: str, new: str, words: str):
    assert old in GOOD

    with pytest.raises(ConfigurationError, match=words) as refusal:
        read(tmp_path, GOOD.replace(old, new))

    assert "shop/source.yml" in str(refusal.value)
    assert refusal.value.exit_code == 2


def test_only_events_have_pings(tmp_path: Path):
    columns = "columns: {user_id: a}"
    text = f"{{adapter: generic, kind: users, {PINGS.format(5, 9)}, {columns}}}"

    with pytest.raises(ConfigurationError, match="only events"):
        read(tmp_path, text)


def test_a_trackers_sessions_need_its_ids(tmp_path: Path):
    text = GOOD.replace("  session_id: context.session\n", "")
    (tmp_path / "source.yml").write_text(f"sessions: tracker\n{text}")

    with pytest.raises(ConfigurationError, match=r"needs columns\.session_id"):
        read_source(tmp_path)


def test_sessions_are_told_in_a_word_or_by_their_options(tmp_path: Path):
    names = iter("abcdefg")

    def rules(told: str):
        text = f"sessions: {told}\n{GOOD}"
        return read(tmp_path, text, name=next(names)).sessions

    assert rules("tracker").by == "tracker"
    told = rules("{new_on_campaign: true, longest: 3 days}")
    assert (told.by, told.new_on_campaign) == ("timeout", True)
    assert told.longest_seconds == 3 * 24 * 3600
    for wrong in ("trakcer", "{longest: 0 hours}", "{longest: 72}", "{by: x}", "3"):
        with pytest.raises(ConfigurationError, match=r"sessions"):
            rules(wrong)


def test_a_pattern_that_cannot_be_searched_is_refused(tmp_path: Path):
    text = """{adapter: generic, kind: order_lines, columns: {order_id: a,
        ordered_at: b, product_id: c, is_cancelled: {column: a, matches: '['}}}"""

    with pytest.raises(ConfigurationError, match="is_cancelled"):
        read(tmp_path, text)


def test_a_constant_fits_its_field(tmp_path: Path):
    text = """{adapter: generic, kind: order_lines, columns: {order_id: a,
        ordered_at: b, product_id: c, quantity: {value: many}}}"""

    with pytest.raises(ConfigurationError, match=r"columns\.quantity"):
        read(tmp_path, text)


def test_a_folder_without_a_description_is_refused(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="missing"):
        read_source(tmp_path)


def test_a_folder_with_an_unsafe_name_is_refused(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="letters"):
        read(tmp_path, GOOD, name="shop'; --")
