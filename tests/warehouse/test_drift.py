"""What a source changes is told, and what cannot be read any more is not guessed."""

import json

import pytest

LINE = {"user": "u1", "event": "view", "at": "2026-01-01 10:00"}


def put_lines(inbox, file: str, *lines: dict) -> None:
    inbox.put(file, "\n".join(json.dumps(line) for line in lines))


def test_a_new_field_is_kept_and_told_once(events):
    put_lines(events, "1.jsonl", LINE | {"plan": "pro"})
    put_lines(events, "2.jsonl", LINE, LINE | {"plan": "pro", "coupon": "X"})
    put_lines(events, "3.jsonl", LINE | {"coupon": "Y"})
    events.put("4.csv", "user,event,at,coupon,a@b.org\nu1,view,2026-01-01,Z,1\n")

    assert events.load().warnings == [
        "shop/2.jsonl: new, kept in attributes: coupon",
        "shop/4.csv: texts with addresses or numbers, replaced by marks: 1",
        "shop/4.csv: new, kept in attributes: [email]",
    ]
    assert events.column("attributes")[2:] == [
        '{"coupon":"X","plan":"pro"}', '{"coupon":"Y"}',
        '{"[email]":"1","coupon":"Z"}',
    ]  # fmt: skip


def test_a_renamed_column_is_suggested(events):
    put_lines(events, "1.jsonl", LINE)
    put_lines(events, "2.jsonl", {"user_id": "u1", "event": "e", "at": "2026-01-01"})
    events.put("3.csv", "User ID,event,at\nu1,view,2026-01-01\n")

    assert events.load().warnings == [
        "shop/2.jsonl: in quarantine: 1 of 1 lines, mostly missing:user_id",
        "shop/2.jsonl: has no column user (is it user_id now?)",
        "shop/3.csv: refused: missing_column: user (is it User ID now?)",
    ]
    assert events.reasons() == [(1, "missing:user_id")]


def test_one_column_gone_and_one_new_are_the_same(events):
    put_lines(events, "1.jsonl", LINE)
    renamed = {"user": "u1", "event": "e", "happened": "2026-01-01"}
    put_lines(events, "2.jsonl", renamed)

    assert events.load().warnings[-1] == (
        "shop/2.jsonl: has no column at (is it happened now?)"
    )


@pytest.mark.parametrize("text", ["{}", '{"a": 1}'])
def test_a_type_that_changed_is_quarantined_by_the_fields_name(events, text: str):
    events.describe({"price": "p", "product_id": "sku"})
    put_lines(events, "1.jsonl", LINE | {"p": 1.5, "sku": "s1"})
    put_lines(events, "2.jsonl", LINE | {"p": [1.5], "sku": "s1"})
    put_lines(events, "3.jsonl", LINE | {"p": 2, "sku": json.loads(text)})
    put_lines(events, "4.jsonl", LINE | {"p": 3, "sku": 5})

    assert events.column("(price::int, product_id)") == [(2, "s1"), (3, "5")]
    assert events.query("select file, reason from ledger.quarantine order by file") == [
        ("2.jsonl", "bad_value:price"),
        ("3.jsonl", "bad_value:product_id"),
    ]


def test_what_was_nested_and_is_flat_now_is_missing(events):
    events.describe({"user_id": "who.id"})
    put_lines(events, "1.jsonl", LINE | {"who": {"id": "u1"}})
    put_lines(events, "2.jsonl", LINE | {"who": "u1"})

    assert events.column("user_id") == ["u1"]
    assert events.reasons() == [(1, "missing:user_id")]


@pytest.mark.parametrize(("share", "is_refused"), [(0.4, True), (0.5, False)])
def test_a_file_with_too_many_bad_lines_is_refused_whole(events, share, is_refused):
    (events.home.root / "settings.yml").write_text(f"max_quarantined_share: {share}\n")
    put_lines(events, "a.jsonl", LINE, LINE | {"event": ""})
    put_lines(events, "b.jsonl", LINE | {"user": "u2"})

    summary = events.load()

    assert (summary.n_refused, summary.n_loaded) == ((1, 1) if is_refused else (0, 2))
    assert events.files()[0][1:] == (
        (
            "refused",
            "too_many_bad_lines: 1 of 2 lines, mostly missing:event_name; "
            "max_quarantined_share is 0.4",
        )
        if is_refused
        else ("loaded", None)
    )
    assert len(events.reasons()) == (0 if is_refused else 1)


def test_by_default_half_of_a_large_file_may_be_bad(events):
    bad = LINE | {"event": ""}
    put_lines(events, "few.jsonl", bad)
    put_lines(events, "half.jsonl", *[LINE, bad] * 500)
    put_lines(events, "more.jsonl", *[LINE, bad] * 499, bad, bad)

    events.load()

    assert [status for _, status, _ in events.files()] == [
        "loaded",
        "loaded",
        "refused",
    ]


def test_late_lines_are_quarantined_if_the_source_says_so(events):
    events.describe({"received_at": "got"}, late_after="30 days")
    put_lines(events, "1.jsonl", {**LINE, "at": "2025-01-01"}, LINE)  # a history
    put_lines(
        events,
        "2.jsonl",
        {**LINE, "at": "2025-12-02 10:00"},
        {**LINE, "at": "2025-12-02 09:59:59"},
        {**LINE, "at": "2025-12-31", "got": "2026-01-30"},
        {**LINE, "at": "2025-12-31", "got": "2026-01-31"},
    )

    assert events.column("occurred_at::date::varchar") == [
        "2025-01-01", "2026-01-01", "2025-12-02", "2025-12-31",
    ]  # fmt: skip
    assert events.reasons() == [
        (2, "too_late:occurred_at"),
        (4, "too_late:occurred_at"),
    ]
