"""Who is who, brought up to date by what has changed, is who is who from nothing."""

import random

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.derived_tables import IDENTITY
from warehouse.identity import link_identifiers
from warehouse.raw_tables import table_statement

USERS = [
    ("user_id", f"{namespace}:{n}", namespace) for namespace in "ab" for n in "123"
]
DEVICES = [("anonymous_id", f"d{n}", "") for n in "12"]
CONTACTS = [("email", f"e{n}") for n in "1234"] + [("phone", f"p{n}") for n in "12"]

holders = st.sampled_from(USERS + DEVICES)
contact_links = st.fixed_dictionaries(
    {
        "holder": holders,
        "contact": st.sampled_from(CONTACTS),
        "trust_rank": st.integers(2, 5),
        "block_reason": st.sampled_from([None, None, None, "shared"]),
    }
)
similar_links = st.fixed_dictionaries(
    {
        "pair": st.lists(holders, min_size=2, max_size=2, unique=True).map(sorted),
        "match_probability": st.sampled_from([0.6, 0.96, 0.97, 0.99]),
    }
)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[list, list]]:
    """Draw worlds that follow each other: some links come, some go."""
    contacts = draw(
        st.lists(
            contact_links,
            min_size=6,
            max_size=14,
            unique_by=lambda link: (link["holder"], link["contact"]),
        )
    )
    similar = draw(
        st.lists(similar_links, max_size=4, unique_by=lambda link: tuple(link["pair"]))
    )
    number = st.integers(0, len(contacts) + len(similar) - 1)
    missing = draw(st.sets(number, max_size=6))
    worlds = []
    for changed in draw(st.lists(st.sets(number, max_size=2), min_size=2, max_size=4)):
        missing = missing ^ changed
        worlds.append(
            (
                [link for n, link in enumerate(contacts) if n not in missing],
                [
                    link
                    for n, link in enumerate(similar, len(contacts))
                    if n not in missing
                ],
            )
        )
    return worlds


@pytest.fixture
def warehouse():
    with duckdb.connect() as connection:
        prepare(connection)
        yield connection


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create schema identity; create schema intermediate")
    for table, columns in IDENTITY.items():
        connection.execute(table_statement(table, columns))
    connection.execute(
        "create table intermediate.int_contacts_linked (trust_rank integer, "
        "first_seen_at timestamp, identifier_type varchar, identifier varchar, "
        "namespace varchar, contact_type varchar, contact_hash varchar, "
        "block_reason varchar)"
    )


def tell(connection: duckdb.DuckDBPyConnection, world, seed: int) -> None:
    """Let the links be those of a world, in some order."""
    contacts, similar = (random.Random(seed).sample(x, len(x)) for x in world)
    connection.execute(
        "delete from intermediate.int_contacts_linked; "
        "delete from identity.similar_profiles"
    )
    for link in contacts:
        connection.execute(
            "insert into intermediate.int_contacts_linked values "
            "(?, null, ?, ?, ?, ?, ?, ?)",
            [
                link["trust_rank"],
                *link["holder"],
                *link["contact"],
                link["block_reason"],
            ],
        )
    for link in similar:
        here, there = link["pair"]
        connection.execute(
            "insert into identity.similar_profiles "
            "values (?, ?, ?, ?, ?, ?, ?, ?, 1, null)",
            [*here, *there, link["match_probability"], link["match_probability"]],
        )


def found(connection: duckdb.DuckDBPyConnection) -> tuple:
    """Give who is who, which parts keys alone join, and what was cut."""
    grouped = [
        {
            frozenset(identifiers)
            for (identifiers,) in connection.execute(
                "select list(identifier_type || ' ' || identifier) "
                f"from identity.components group by {column}"
            ).fetchall()
        }
        for column in ("component", "part", "whole")
    ]
    cut = connection.execute("from identity.links_cut").fetchall()
    return *grouped, set(cut)


@settings(max_examples=10, deadline=None)
@given(history=histories(), size=st.sampled_from([3, 50]))
def test_what_changed_brings_about_what_a_fresh_start_would(history, size: int):
    with duckdb.connect() as kept, duckdb.connect() as fresh:
        prepare(kept)
        for seed, world in enumerate(history):
            tell(kept, world, seed)
            summary = link_identifiers(kept, max_identifiers=size)
        prepare(fresh)
        tell(fresh, history[-1], seed=99)
        expected = link_identifiers(fresh, max_identifiers=size)

        assert found(kept) == found(fresh)
        assert summary == expected
        for person in found(kept)[0]:
            namespaces = [who[8] for who in person if who.startswith("user_id ")]
            assert len(set(namespaces)) == len(namespaces)


def links(*ends: tuple[str, str]) -> tuple[list, list]:
    """Let users of namespaces of their own have addresses."""
    told = [
        {
            "holder": ("user_id", user, user),
            "contact": ("email", email),
            "trust_rank": 2,
            "block_reason": None,
        }
        for user, email in ends
    ]
    return told, []


def test_only_who_hangs_with_a_change_is_looked_at(warehouse):
    strangers = [(f"u{n}", f"e{n}") for n in range(50)]
    tell(warehouse, links(*strangers), 0)
    link_identifiers(warehouse, max_identifiers=50)

    tell(warehouse, links(*strangers, ("u1", "e2")), 1)
    link_identifiers(warehouse, max_identifiers=50)

    assert warehouse.execute("select count(*) from nodes").fetchall() == [(4,)]

    link_identifiers(warehouse, max_identifiers=50)
    assert warehouse.execute("select count(*) from nodes").fetchall() == [(0,)]

    link_identifiers(warehouse, max_identifiers=50, afresh=True)
    assert warehouse.execute("select count(*) from nodes").fetchall() == [(100,)]


def test_another_limit_is_another_world(warehouse):
    tell(warehouse, links(("u1", "e1"), ("u2", "e1"), ("u3", "e1")), 0)
    whole = link_identifiers(warehouse, max_identifiers=4)
    parted = link_identifiers(warehouse, max_identifiers=3)

    assert (whole.n_persons, parted.n_persons) == (1, 2)
    assert parted.n_too_large == 1


def test_what_was_cut_joins_when_there_is_room(warehouse):
    tell(warehouse, links(("u1", "e1"), ("u2", "e1"), ("u3", "e1")), 0)
    link_identifiers(warehouse, max_identifiers=3)
    tell(warehouse, links(("u2", "e1"), ("u3", "e1")), 0)
    link_identifiers(warehouse, max_identifiers=3)

    persons, *_, cut = found(warehouse)
    assert persons == {frozenset({"user_id u2", "user_id u3", "email e1"})}
    assert cut == set()


@pytest.mark.parametrize("turned", [False, True])
def test_what_a_key_ties_needs_no_likeness(warehouse, turned: bool):
    ends = [("user_id", "u1", "u1"), ("email", "e1", "")]
    pair = ends[::-1] if turned else ends
    similar = [{"pair": pair, "match_probability": 0.99}]
    by_key, _ = links(("u1", "e1"))
    tell(warehouse, (by_key, similar), 0)
    tied = link_identifiers(warehouse, max_identifiers=50)
    tell(warehouse, ([], similar), 0)
    alone = link_identifiers(warehouse, max_identifiers=50)

    assert (tied.n_similar, alone.n_similar) == (0, 1)
    assert found(warehouse)[0] == {frozenset({"user_id u1", "email e1"})}
