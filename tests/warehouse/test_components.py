"""Components are what joining link by link would give, however the rows are ordered."""

import random
from itertools import pairwise

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.components import find_components

Links = list[tuple[int, int]]


def put_graph(
    connection: duckdb.DuckDBPyConnection, groups: list[int | None], links: Links
) -> None:
    """Write nodes and links, strongest first, in no order at all."""
    nodes = list(enumerate(groups))
    arcs = [(link_id, *ends) for link_id, ends in enumerate(links)]
    for rows in (nodes, arcs):
        random.Random(0).shuffle(rows)
    for table, columns, rows in (
        ("nodes", ("node", "owner_group"), nodes),
        ("links", ("link_id", "node", "other_node"), arcs),
    ):
        listed = ", ".join(f"unnest(?::bigint[]) as {column}" for column in columns)
        values = [[row[place] for row in rows] for place in range(len(columns))]
        connection.execute(f"create temp table {table} as select {listed}", values)


def components_of(
    groups: list[int | None], links: Links, *, max_nodes: int = 100
) -> tuple[list[int], dict[int, str]]:
    """List each node's component, and the links that were cut, by their place."""
    with duckdb.connect() as connection:
        put_graph(connection, groups, links)
        find_components(connection, max_nodes=max_nodes)
        found = connection.execute("from components order by node").fetchall()
        cut = connection.execute("from links_cut").fetchall()
    assert [node for node, _ in found] == list(range(len(groups)))
    assert len(dict(cut)) == len(cut)
    return [component for _, component in found], dict(cut)


def joined_one_by_one(
    groups: list[int | None], links: Links, max_nodes: int
) -> tuple[list[int], set[int]]:
    """Do the same slowly: each link in its turn."""
    parts = [{node} for node in range(len(groups))]
    cut = set()
    for link_id, (node, other) in enumerate(links):
        here, there = parts[node], parts[other]
        if here is there:
            continue
        owned = [groups[node] for node in here | there if groups[node] is not None]
        if len(set(owned)) < len(owned) or len(here | there) > max_nodes:
            cut.add(link_id)
            continue
        for member in here | there:
            parts[member] = here | there
    return [min(part) for part in parts], cut


@pytest.mark.parametrize("n_nodes", [1, 2, 100])
def test_a_chain_is_one(n_nodes: int):
    links = [(node, node + 1) for node in range(n_nodes - 1)]

    components, cut = components_of([None] * n_nodes, links)

    assert components == [0] * n_nodes
    assert cut == {}


def test_nodes_without_links_stay_alone():
    assert components_of([None, 1, None], []) == ([0, 1, 2], {})


def test_two_of_a_group_are_parted_at_the_weakest_link():
    groups = [1, None, 2, None, 1]

    components, cut = components_of(groups, [(0, 1), (3, 4), (1, 2), (2, 3)])

    assert components == [0, 0, 0, 3, 3]
    assert cut == {3: "conflict"}


def test_every_link_between_strangers_is_cut():
    components, cut = components_of([1, 1, None], [(0, 2), (1, 2), (0, 1), (2, 1)])

    assert components == [0, 1, 0]
    assert cut == {1: "conflict", 2: "conflict", 3: "conflict"}


def test_what_grows_too_large_is_parted():
    components, cut = components_of([None] * 4, [(2, 3), (0, 1), (1, 2)], max_nodes=3)

    assert components == [0, 0, 2, 2]
    assert cut == {2: "too_large"}


class Listening:
    """A connection that keeps what it was told."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection, self.told = connection, []

    def execute(self, sql: str, *arguments):
        self.told.append(sql)
        return self.connection.execute(sql, *arguments)


def n_told(table: str, groups: list[int | None], links: Links, max_nodes: int) -> int:
    """Count the rounds, by how often a table is made."""
    with duckdb.connect() as connection:
        put_graph(connection, groups, links)
        listening = Listening(connection)
        find_components(listening, max_nodes=max_nodes)  # ty: ignore
    return sum(f"temp table {table} as" in sql for sql in listening.told)


def n_rounds(n_nodes: int) -> int:
    """Count the rounds that a chain of nodes in any order takes."""
    order = random.Random(1).sample(range(n_nodes), n_nodes)
    links = list(pairwise(order))
    return n_told("shortened", [None] * n_nodes, links, n_nodes)


def test_rounds_grow_with_the_logarithm_of_a_chain():
    assert n_rounds(1600) <= n_rounds(100) + 4


@pytest.mark.parametrize(("hub", "owned"), [(0, False), (700, True), (1999, False)])
def test_a_star_that_is_too_large_takes_few_rounds(hub: int, owned: bool):
    leaves = [node for node in range(2000) if node != hub]
    groups = [1 if owned and node % 3 == 0 else None for node in range(2000)]
    links = [(hub, leaf) for leaf in leaves]

    assert 1 <= n_told("parts_joined", groups, links, 200) <= 3


def test_a_star_takes_its_strongest_leaves():
    links = [(4, leaf) for leaf in (3, 0, 2, 1)]

    components, cut = components_of([None, None, 1, 1, None], links, max_nodes=3)

    assert components == [0, 1, 2, 0, 0]
    assert cut == {2: "conflict", 3: "too_large"}


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_components_are_those_of_joining_link_by_link(data: st.DataObject):
    n_nodes = data.draw(st.integers(1, 12))
    group = st.none() | st.integers(0, 2)
    groups = data.draw(st.lists(group, min_size=n_nodes, max_size=n_nodes))
    node = st.integers(0, n_nodes - 1)
    links = data.draw(st.lists(st.tuples(node, node), max_size=20))
    max_nodes = data.draw(st.sampled_from([2, 4, 100]))

    components, cut = components_of(groups, links, max_nodes=max_nodes)

    expected, expected_cut = joined_one_by_one(groups, links, max_nodes)
    assert components == expected
    assert cut.keys() == expected_cut
    for link_id, reason in cut.items():
        here, there = (
            {groups[node] for node in range(n_nodes) if expected[node] == expected[end]}
            for end in links[link_id]
        )
        in_conflict = bool(here & there - {None})
        assert reason == ("conflict" if in_conflict else "too_large")
