"""Lines that say what holds for those below, and files that name no columns."""

import csv
import io
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warehouse.connection import open_work
from warehouse.replay import replay_quarantine

NAMES = ["order", "at", "who", "sku", "n", "note"]
ORDERS = {
    "adapter": "generic",
    "kind": "order_lines",
    "fill_down": {"by": "order", "columns": ["order", "at", "who"]},
    "columns": {
        "order_id": "order",
        "ordered_at": "at",
        "user_id": "who",
        "product_id": "sku",
        "quantity": "n",
    },
}
TABLE = {
    "adapter": "generic",
    "kind": "events",
    "header": ["id", "at", "user", "event", "extra", "price"],
    "columns": {
        "event_id": "id",
        "occurred_at": "at",
        "user_id": "user",
        "event_name": "event",
        "price": "price",
    },
}
LINES = "select line_number, order_id, user_id, product_id from raw.order_lines "


def csv_text(rows: list[list], names: list[str] = NAMES) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([names, *rows])
    return text.getvalue()


def replay(inbox) -> int:
    with open_work(inbox.home) as connection:
        return replay_quarantine(
            connection, inbox.home, load_id=2, loaded_at=datetime(2026, 11, 23)
        ).n_accepted


def filled_lines(inbox) -> list[tuple]:
    """List the lines loaded: number, order, person, product."""
    return inbox.query(f"{LINES} order by line_number")


@pytest.fixture
def orders(make_inbox):
    return make_inbox(ORDERS)


@pytest.fixture
def table(make_inbox):
    return make_inbox(TABLE)


def test_only_the_first_line_of_an_order_is_full(orders):
    orders.put(
        "a.csv",
        "order,at,who,sku,n,note\n"
        '#1,2026-01-01,ann,a,1,"x, ""y""\nz"\n'  # goes over two lines
        ",,,b,2,\n"
        "#1,,,c,3,\n"
        "#2,2026-01-02,,d,4,\n"
        "#2,,bob,e,5,own\n"
        " , ,,f,6,\n",
    )
    orders.load()

    assert orders.reasons() == []
    assert filled_lines(orders) == [
        (2, "#1", "ann", "a"),
        (4, "#1", "ann", "b"),
        (5, "#1", "ann", "c"),
        (6, "#2", None, "d"),
        (7, "#2", "bob", "e"),
        (8, "#2", None, "f"),
    ]


def test_what_is_not_said_to_hold_is_not_filled(orders):
    orders.put("a.csv", csv_text([["#1", "2026-01-01", "", "a", 2, "x"], ["#1"] * 6]))
    orders.put("b.csv", csv_text([["#3", "2026-01-01", "", "a", 2, "x"],
                                  ["", "", "", "b", "", ""]]))  # fmt: skip
    orders.load()

    assert orders.query("select quantity, attributes from raw.order_lines "
                        "where order_id = '#3' order by line_number") == [
        (Decimal(2), '{"note":"x"}'),
        (None, None),
    ]  # fmt: skip


def test_a_name_that_comes_again_is_another_order(orders):
    orders.put(
        "a.csv",
        csv_text(
            [
                ["#1", "2026-01-01", "ann", "a", 1, ""],
                ["#2", "2026-01-02", "bob", "b", 1, ""],
                ["#1", "2026-01-03", "cy", "c", 1, ""],
                ["#1", "", "", "d", 1, ""],
            ]
        ),
    )
    orders.load()

    assert [who for _, _, who, _ in filled_lines(orders)] == ["ann", "bob", "cy", "cy"]


def test_a_line_before_any_name_belongs_to_nobody(orders):
    orders.put(
        "a.csv",
        csv_text([["", "", "", "a", 1, ""], ["#1", "2026-01-01", "", "b", 1, ""]]),
    )
    orders.load()

    assert orders.reasons() == [(2, "missing:order_id")]


def test_a_bad_line_item_costs_itself_alone(orders):
    orders.put(
        "a.csv",
        csv_text(
            [
                ["#1", "2026-01-01", "ann", "a", "one", ""],
                ["", "", "", "b", 1, ""],
                ["", "", "", "c", "two", ""],
                ["", "", "", "d", 1, ""],
            ]
        ),
    )
    orders.load()

    assert filled_lines(orders) == [(3, "#1", "ann", "b"), (5, "#1", "ann", "d")]
    assert orders.reasons() == [(2, "bad_value:quantity"), (4, "bad_value:quantity")]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"#2,2026-01-02,bob,x,1", "wrong_number_of_columns"),
        (b'#2,2026-01-02,bob,x,1,"open', "unterminated_quote"),
        (b'#2,2026-01-02,bob,x,1,"a"b"', "bad_quotes"),
        (b"#2,2026-01-02,b\xff,x,1,", "invalid_utf8"),
        (b"#2,2026-01-02,b\x01,x,1,", "control_character"),
    ],
)
def test_what_follows_an_unreadable_line_goes_to_no_other_order(
    orders, bad: bytes, reason: str
):
    orders.put(
        "a.csv",
        b"order,at,who,sku,n,note\n#1,2026-01-01,ann,a,1,\n"
        + bad
        + b"\n,,,b,1,\n#3,2026-01-03,cy,c,1,\n,,,d,1,\n",
    )
    orders.load()

    assert filled_lines(orders) == [
        (2, "#1", "ann", "a"),
        (5, "#3", "cy", "c"),
        (6, "#3", "cy", "d"),
    ]
    assert orders.reasons() == [(3, reason), (4, "missing:order_id")]


def test_an_unreadable_item_costs_its_order_nothing_else(orders):
    orders.put(
        "a.csv",
        "order,at,who,sku,n,note\n"
        "#1,2026-01-01,ann,a,1,\n"
        ",,,b,1\n"  # a column short
        ",,,c,1,\n"
        "#1,,,d\n"
        "#1,,,e,1,\n",
    )
    orders.load()

    assert [sku for *_, sku in filled_lines(orders)] == ["a", "c", "e"]
    assert {who for _, _, who, _ in filled_lines(orders)} == {"ann"}


def test_replayed_items_are_what_they_would_have_been(make_inbox):
    rows = [
        ["#1", "2026-01-01", 'ann "a" x', "a", 1, "p"],
        ["", "", "", 'b, "q"', "two", 'say ""\nno'],
        ["#1", "", "", "c", "two", '"'],
        ["#2", "2026-01-02", "bob", "d", "two", ""],
        ["", "", "", "e", 5, ""],
    ]
    mended, fresh = make_inbox(ORDERS), make_inbox(ORDERS)
    fix = {"quantity": {"column": "n", "values": {"two": 2}}}
    fresh.describe(fix)
    for inbox in (mended, fresh):
        inbox.put("a.csv", csv_text(rows))
        inbox.load()
    assert len(mended.reasons()) == 3
    (mended.folder / "a.csv").unlink()
    mended.describe(fix)

    assert replay(mended) == 3
    everything = "select * exclude (load_id) from raw.order_lines order by line_number"
    assert mended.query(everything) == fresh.query(everything)
    assert mended.reasons() == []


def test_replayed_lines_are_not_filled_from_each_other(orders):
    """In quarantine stand lines of many orders side by side."""
    orders.put(
        "a.csv",
        "order,at,who,sku,n,note\n#1,2026-01-01,ann,a,one,\n#2,2026-01-02,bob,b\n"
        ",,,c,1,\n",
    )
    orders.load()
    orders.describe({"quantity": {"column": "n", "values": {"one": 1}}})

    assert replay(orders) == 1
    assert filled_lines(orders) == [(2, "#1", "ann", "a")]
    assert orders.reasons()[-1] == (4, "missing:order_id")


CELLS = st.text(alphabet='ab,;"\n #', max_size=4).map(str.strip)
ITEMS = st.lists(st.tuples(CELLS, st.booleans()), min_size=1, max_size=3)


@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(orders_made=st.lists(st.tuples(CELLS, ITEMS), min_size=1, max_size=4))
def test_a_sparse_file_says_what_the_full_one_does(make_inbox, orders_made: list):
    full, sparse = [], []
    for number, (who, items) in enumerate(orders_made):
        head = [f"#{number}", "2026-01-01", who]
        for line, (note, is_named) in enumerate(items):
            item = [f"sku{line}", str(line), note]
            full.append([*head, *item])
            name = head[0] if is_named else ""
            sparse.append([*(head if line == 0 else [name, "", ""]), *item])
    found = []
    for rows in (full, sparse):
        inbox = make_inbox(ORDERS)
        inbox.put("a.csv", csv_text(rows))
        inbox.load()
        assert inbox.reasons() == []
        found.append(inbox.rows("order_lines"))

    assert len(found[0]) == len(full)
    assert found[0] == found[1]


ROW = ["e1", "2026-01-01 10:00", "u1", 'a "b"', "{}", "1.5"]


def test_a_file_may_do_without_a_header(table):
    rows = [ROW, ["e2", "2026-01-01", '"u2', "", "{", ""]]  # a quote is a quote
    table.put("a.tsv", "\n".join("\t".join(row) for row in rows))
    table.load()

    assert table.reasons() == [(2, "missing:event_name")]
    (row,) = table.rows()
    assert row["event_name"] == 'a "b"'
    assert row["price"] == Decimal("1.5")
    assert row["attributes"] == {"extra": "{}"}


def test_the_same_header_in_the_file_means_a_plain_table(table):
    quoted = ["e1", "2026-01-01 10:00", "u1", '"a ""b"""', '"{\t}"', "1,5"]
    table.put("a.tsv", "\n".join("\t".join(row) for row in [TABLE["header"], quoted]))
    table.load()
    table.describe({"price": {"column": "price", "values": {"1,5": "1.5"}}})

    assert table.reasons() == [(2, "bad_value:price")]
    assert replay(table) == 1
    (row,) = table.rows()
    assert (row["event_name"], row["price"]) == ('a "b"', Decimal("1.5"))
    assert row["attributes"] == {"extra": "{\t}"}


def test_a_first_line_of_values_is_no_header(table):
    first = ["event", "2026-01-01", "u1", "price", "", ""]  # though some are names
    table.put("a.tsv", "\t".join(first) + "\n" + "\t".join(ROW))
    table.load()

    assert table.reasons() == []
    assert [row["event_id"] for row in table.rows()] == ["event", "e1"]


def test_a_header_of_its_own_may_name_other_columns(table):
    table.put("a.csv", "user,event,at,more\nu1,view,2026-01-01,x\n")
    table.put("b.tsv", "event\tuser\tat\tmore\textra\nview\tu2\t2026-01-01\t\ty\n")
    table.load()

    assert table.reasons() == []
    assert [(row["user_id"], row["attributes"]) for row in table.rows()] == [
        ("u1", {"more": "x"}),
        ("u2", {"extra": "y"}),
    ]


def test_lines_without_a_header_are_replayed(table):
    bad = ["e2", "2026-01-01", '"u2', "view", '"{', "2,5"]
    table.put("a.tsv", "\n".join("\t".join(row) for row in [ROW, bad, ROW[:-1]]))
    table.load()
    assert table.reasons() == [(2, "bad_value:price"), (3, "wrong_number_of_columns")]
    table.describe({"price": {"column": "price", "values": {"2,5": "2.5"}}})

    assert replay(table) == 1
    row = table.rows()[1]
    assert (row["user_id"], row["price"]) == ('"u2', Decimal("2.5"))
    assert row["attributes"] == {"extra": '"{'}


def test_cells_of_json_are_kept_as_json(make_inbox):
    inbox = make_inbox(
        {**TABLE, "header": [], "unpack": {"extra": "json", "c_*": "json"}}
    )
    deep = "[" * 20_000 + "]" * 20_000
    names = ["at", "user", "event", "extra", "c_1", "d"]
    inbox.put("a.csv", csv_text(
        [["2026-01-01", "u1", "view", '{"a": [1, "x"]}', "[2]", "[3]"],
         ["2026-01-01", "u2", "view", "{not", deep, ""]], names))  # fmt: skip
    inbox.load()

    assert [row["attributes"] for row in inbox.rows()] == [
        {"extra": {"a": [1, "x"]}, "c_1": [2], "d": "[3]"},
        {"extra": "{not", "c_1": deep},
    ]
