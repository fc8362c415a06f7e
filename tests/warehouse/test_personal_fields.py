"""Which unmapped fields are personal by their names, and what kind a mailbox is."""

import json

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.email_domains import CLASSES, email_domain_class
from warehouse.personal_names import is_personal_name, may_be_personal, withhold
from warehouse.raw_tables import WITHHELD

PERSONAL = """
    first_name firstName FirstName FIRST_NAME first-name firstname last_name Surname
    full_name customer_name user_name vorname email E-Mail eMail EMAIL email2 mail
    customer_email emailAddress user.email $email phone phone_number phoneNumber
    Telephone mobile mobilePhone contact.mobile street streetName Straße address
    address1 addressLine2 billing_address zip zipCode shipping_zip postal_code
    postalCode postcode PLZ birth_date birthdate BirthDate birthday dob
    date_of_birth ip IP clientIp clientIP client_ip $ip ip_address ipAddress
    adresse liefer_adresse anschrift hausnummer geburtstag nachname fax msisdn
    IPAddress ipv4 x-forwarded-for remote_addr ssn iban passport_no taxId houseNo
    Handynummer WhatsApp contact_number contact-person displayName Geburtsname
    Ansprechpartner Empfänger Kontakt to_name kunde_name Employee Telefonnummer Handy
""".split()  # noqa: SIM905
HARMLESS = """
    contact_id contacts phase truffle thandy event_name name product_name
    campaign_name utm_name city country ship tooltip
    clip description zipped equipment plan iphone_model phone_model emails_sent
    email_opened birth_year tax number post social geo_zipcode $geoip_postal_code
""".split()  # noqa: SIM905


@pytest.mark.parametrize("name", PERSONAL)
def test_a_personal_name_is_seen_in_any_style_by_the_fast_look_too(name: str):
    line = json.dumps({"a": [{name: "x"}]}, ensure_ascii=False)

    assert is_personal_name(name)
    assert duckdb.execute(f"select {may_be_personal('?')}", [line]).fetchall() == [
        (True,)
    ]
    text, names = withhold(line, [], of_persons=False)
    assert json.loads(text) == {"a": [{name: "[withheld]"}]}
    assert names == [name]


@pytest.mark.parametrize("name", HARMLESS)
def test_other_names_are_left_alone(name: str):
    assert not is_personal_name(name)


def test_a_mere_name_is_a_persons_in_what_tells_of_one():
    line = '{"traits":{"name":"Ann","plan":{"name":"pro"}},"$name":"Ann","name":"Cup"}'

    text, names = withhold(line, [], of_persons=False)

    assert json.loads(text) == {
        "traits": {"name": WITHHELD, "plan": {"name": "pro"}},
        "$name": WITHHELD,
        "name": "Cup",
    }
    assert names == ["name", "$name"]


def test_a_mere_name_is_a_persons_in_a_customer_list():
    line = '{"name":"Ann"}'

    assert withhold(line, [], of_persons=False) == (line, [])
    assert withhold(line, [], of_persons=True)[0] == '{"name":"[withheld]"}'


def test_what_is_not_withheld_stays_to_the_last_character():
    line = (
        '{"n": 1.10, "big":1e400,"phone":{"a":[1,{"b":"}"}]},"s":"\\"email\\":1",'
        '"email":null,"zip":"","mobile":true,"dob":[ ]}'
    )

    assert withhold(line, [], of_persons=False)[0] == (
        line.replace('{"a":[1,{"b":"}"}]}', '"[withheld]"').replace(
            "[ ]", '"[withheld]"'
        )
    )


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["email", "plan", "zip"]) | st.text(max_size=4),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(content=st.dictionaries(st.text(max_size=4), _VALUES, max_size=3))
def test_withholding_is_what_a_parser_would_do(content: dict):
    def expected(value):
        if isinstance(value, dict):
            return {
                name: "[withheld]"
                if is_personal_name(name)
                and inner not in ("", None)
                and not isinstance(inner, bool)
                else expected(inner)
                for name, inner in value.items()
            }
        return [*map(expected, value)] if isinstance(value, list) else value

    text, _ = withhold(json.dumps(content), [], of_persons=False)

    assert json.loads(text) == expected(content)


@pytest.mark.parametrize(
    ("email", "kind"),
    [
        ("ann@gmail.com", "personal"),
        (" Ann@GMAIL.com. ", "personal"),
        ("ann@yahoo.co.uk", "personal"),
        ("ann@gmail.com.evil.example.com", "work"),
        ("ann@acme.com", "work"),
        ("ann@mailinator.com", "disposable"),
        ("ann@cs.stanford.edu", "education"),
        ("ann@ox.ac.uk", "education"),
        ("ann@mod.gov.uk", "government"),
        ("ann@ec.europa.eu", "government"),
        ("ann@localhost", "other"),
        ("ann@shop.example", "other"),
        (None, None),
    ],
)
def test_a_mailbox_is_classified_by_its_domain(email: str | None, kind: str | None):
    query = f"select {email_domain_class('address')} from (select ? as address)"

    assert duckdb.execute(query, [email]).fetchall() == [(kind,)]
    assert kind is None or kind in CLASSES


def test_what_is_published_is_withheld_unless_it_is_named_itself(events):
    events.describe(publish_attributes=["traits", "traits.email", "plan"])
    events.put_events(
        "a.jsonl",
        {"traits": {"mobile": "0170 1234567", "level": 3}, "plan": "pro"},
        {"traits": {"email": "Canary"}},
    )

    published = [json.loads(one) for one in events.column("published_attributes")]

    assert published == [
        {"traits": {"mobile": WITHHELD, "level": 3}, "plan": "pro"},
        {"traits": {"email": "Canary"}, "traits.email": "Canary"},
    ]


def test_json_in_a_text_is_looked_into(events):
    inner = json.dumps({"first_name": "Canary", "plan": "pro"})
    events.put_events("a.jsonl", {"blob": inner, "note": "{no json"})

    (attributes,) = events.column("attributes")

    assert json.loads(json.loads(attributes)["blob"]) == {
        "first_name": WITHHELD,
        "plan": "pro",
    }
    assert json.loads(attributes)["note"] == "{no json"
