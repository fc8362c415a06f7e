"""The same person's address or number is hashed the same however it is typed."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from warehouse.contacts import normalize_email, normalize_phone
from warehouse.errors import ConfigurationError


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        (" Ann@Example.ORG\n", "ann@example.org"),
        ("ann\uff20example\uff0eorg", "ann@example.org"),
        ("ann@example.org.", "ann@example.org"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@BÜCHER。example", "ann@xn--bcher-kva.example"),
        ("A.n.n+shop@googlemail.com", "ann@gmail.com"),
        ("ann.lee+shop@hotmail.co.uk", "ann.lee@hotmail.co.uk"),
        ("ann.lee+shop@Outlook.de", "ann.lee@outlook.de"),
        ("ann.lee+shop@icloud.com", "ann.lee@icloud.com"),
        ("ann.lee+shop@fastmail.com", "ann.lee@fastmail.com"),
        ("ann.lee+shop@proton.me", "ann.lee@proton.me"),
        ("+shop@gmail.com", "+shop@gmail.com"),
        ("ann.lee+shop@example.org", "ann.lee+shop@example.org"),
        ("ann.lee-shop@yahoo.com", "ann.lee-shop@yahoo.com"),
        ("ann@gmail.com.example.org", "ann@gmail.com.example.org"),
        ("nobody", "nobody"),
        ("rene\u0301@example.org", "ren\u00e9@example.org"),
        # letters that look alike are others: no stranger gets into a mailbox
        ("\u0430nn@example.org", "\u0430nn@example.org"),
    ],
)
def test_an_address_is_written_one_way(typed: str, normal: str):
    assert normalize_email(typed) == normal


@pytest.mark.parametrize(
    ("typed", "region", "normal"),
    [
        ("+49 170 1234567", None, "+491701234567"),
        ("0049-170-1234567", None, "+491701234567"),
        ("+49 (0)170/1234567", "US", "+491701234567"),
        ("0170 1234567", "DE", "+491701234567"),
        ("(212) 555-1234", "US", "+12125551234"),
        ("011 49 170 1234567", "US", "+491701234567"),
        ("0170 1234567", None, "01701234567"),
        ("1234567", None, "1234567"),
        ("+999 12345678", None, "+99912345678"),
    ],
)
def test_a_number_is_written_one_way(typed: str, region: str | None, normal: str):
    assert normalize_phone(typed, region) == normal


@given(st.text(), st.sampled_from([None, "DE", "US"]))
@example("0:0", None)
@example("0-0491701234567", None)
def test_what_is_written_one_way_stays_so(text: str, region: str | None):
    email, phone = normalize_email(text), normalize_phone(text, region)

    assert normalize_email(email) == email
    assert normalize_phone(phone) == phone


def test_a_number_is_of_its_source_s_region_or_the_home_s(events):
    events.describe({"phone": "tel"})
    (events.home.root / "settings.yml").write_text("phone_region: GB")
    events.put_events("1.jsonl", {"tel": "020 7946 0958"}, {"tel": "+442079460958"})
    events.load()
    events.describe(phone_region="DE")
    events.put_events("2.jsonl", {"tel": "0170 7654321"}, {"tel": "+491707654321"})

    british, same, german, same_too = events.column("phone_hash")

    assert british == same != german == same_too


def test_a_region_that_is_none_is_refused(events):
    (events.home.root / "settings.yml").write_text("phone_region: Germany")

    with pytest.raises(ConfigurationError, match="'Germany' is not"):
        events.load()
