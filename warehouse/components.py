"""Which nodes hang together, and which links are cut so that strangers do not.

Nodes and links are tables of integers; each round is a handful of statements over what
is left to do.
"""

import duckdb


def find_components(connection: duckdb.DuckDBPyConnection, *, max_nodes: int) -> None:
    """Join nodes by links, from the strongest to the weakest, but never two strangers.

    Links are taken in the order of `link_id`. One that would put two nodes of the same
    `owner_group` into a component, or more than `max_nodes` nodes, is cut; so is every
    later one between the same two parts. What comes out depends on neither the order of
    the rows nor the number of threads.

    Where all of a graph's links fit together, that is its connected components: found
    by "direct connect, shortcut, alter" (Liu and Tarjan, Simple Concurrent Labeling
    Algorithms for Connected Components, SOSA 2019, algorithm A), whose rounds grow with
    the logarithm of the number of nodes (its square at worst). Only components in which
    something does not fit are built up link by link: in each round all links that are
    the strongest of both their ends at once, which gives what Kruskal's order would.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        With temporary tables `nodes` (node, owner_group or null) and `links` (link_id,
        node, other_node), all integers; a link_id is there once.
    max_nodes : int
        The most nodes in a component.

    Returns
    -------
    None
        There are temporary tables `components` (node, component: its least node),
        `links_cut` (link_id, reason: `conflict` or `too_large`) and `wholes` (as
        `components`, but with nothing cut).
    """
    find_connected(connection)
    connection.execute("create or replace temp table wholes as from components")
    connection.execute(
        """
        create or replace temp table components_unfit as
        select distinct component from (
            select components.component
            from components inner join nodes on components.node = nodes.node
            where nodes.owner_group is not null
            group by components.component, nodes.owner_group
            having count(*) > 1
            union all
            select component from components group by component having count(*) > ?
        ) as unfit
        """,
        [max_nodes],
    )
    connection.execute(
        """
        create or replace temp table links_cut (link_id bigint, reason varchar);
        create or replace temp table parts as
        select components.node, components.node as part
        from components semi join components_unfit
        on components.component = components_unfit.component;
        create or replace temp table links_left as
        select
            links.link_id,
            least(links.node, links.other_node) as part,
            greatest(links.node, links.other_node) as other_part
        from links semi join parts on links.node = parts.node
        where links.node <> links.other_node
        """
    )
    while _join_strongest(connection, max_nodes):
        pass
    connection.execute(
        """
        create or replace temp table components as
        select
            components.node,
            coalesce(parts.part, components.component) as component
        from components left join parts on components.node = parts.node
        """
    )


def find_connected(
    connection: duckdb.DuckDBPyConnection,
    *,
    links: str = "links",
    components: str = "components",
) -> None:
    """Give each node the least node that a chain of links leads to, whatever it joins.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        With a temporary table `nodes` and one of links, as in `find_components`.
    links, components : str
        The names of the table of links, and of that which is made.
    """
    connection.execute(
        f"""
        create or replace temp table {components} as
        select node, node as component from nodes;
        create or replace temp table arcs as
        select distinct
            greatest(node, other_node) as node,
            least(node, other_node) as smaller
        from {links} where node <> other_node
        """
    )
    while True:
        connection.execute(
            f"""
            create or replace temp table connected as
            with nearest as (
                select node, min(smaller) as smaller from arcs group by node
            )
            select
                before.node,
                least(before.component, nearest.smaller) as component
            from {components} as before left join nearest on before.node = nearest.node;
            create or replace temp table shortened as
            select connected.node, ahead.component
            from connected
            inner join connected as ahead on connected.component = ahead.node;
            create or replace temp table arcs as
            select distinct
                greatest(here.component, there.component) as node,
                least(here.component, there.component) as smaller
            from arcs
            inner join shortened as here on arcs.node = here.node
            inner join shortened as there on arcs.smaller = there.node
            where here.component <> there.component
            """
        )
        ((n_changed,),) = connection.execute(
            f"""
            select count(*) from {components} as before
            inner join shortened on before.node = shortened.node
            where before.component <> shortened.component
            """
        ).fetchall()
        connection.execute(
            f"create or replace temp table {components} as from shortened"
        )
        if not n_changed:
            return


def _join_strongest(connection: duckdb.DuckDBPyConnection, max_nodes: int) -> int:
    """Join, or part for good, each two parts whose strongest link is their common one.

    Returns how many links were left to look at.
    """
    ((n_left,),) = connection.execute("select count(*) from links_left").fetchall()
    if not n_left:
        return 0
    connection.execute(
        """
        create or replace temp table links_strongest as
        with ends as (
            select part, link_id from links_left
            union all
            select other_part as part, link_id from links_left
        ),
        strongest as (
            select part, min(link_id) as link_id from ends group by part
        )
        select links_left.*
        from links_left
        inner join strongest as here
            on links_left.part = here.part and links_left.link_id = here.link_id
        inner join strongest as there
            on links_left.other_part = there.part
            and links_left.link_id = there.link_id;

        create or replace temp table links_refused as
        with sizes as (
            select part, count(*) as n_nodes from parts group by part
        ),
        groups as (
            select parts.part, nodes.owner_group
            from parts inner join nodes on parts.node = nodes.node
            where nodes.owner_group is not null
        ),
        in_conflict as (
            select links_strongest.link_id
            from links_strongest
            inner join groups as here on links_strongest.part = here.part
            inner join groups as there
                on links_strongest.other_part = there.part
                and here.owner_group = there.owner_group
        )
        select
            links_strongest.*,
            case
                when in_conflict.link_id is not null then 'conflict' else 'too_large'
            end as reason
        from links_strongest
        inner join sizes as here on links_strongest.part = here.part
        inner join sizes as there on links_strongest.other_part = there.part
        left join (select distinct link_id from in_conflict) as in_conflict
            on links_strongest.link_id = in_conflict.link_id
        where
            in_conflict.link_id is not null
            or here.n_nodes + there.n_nodes > $max_nodes
        """,
        {"max_nodes": max_nodes},
    )
    connection.execute(
        """
        insert into links_cut
        select links_left.link_id, links_refused.reason
        from links_left inner join links_refused
            on links_left.part = links_refused.part
            and links_left.other_part = links_refused.other_part;

        create or replace temp table parts_joined as
        select other_part as part, part as joined_part
        from links_strongest
        anti join links_refused on links_strongest.link_id = links_refused.link_id;

        create or replace temp table parts as
        select parts.node, coalesce(parts_joined.joined_part, parts.part) as part
        from parts left join parts_joined on parts.part = parts_joined.part;

        create or replace temp table links_left as
        with renamed as (
            select
                links_left.link_id,
                coalesce(here.joined_part, links_left.part) as part,
                coalesce(there.joined_part, links_left.other_part) as other_part
            from links_left
            anti join links_refused
                on links_left.part = links_refused.part
                and links_left.other_part = links_refused.other_part
            left join parts_joined as here on links_left.part = here.part
            left join parts_joined as there on links_left.other_part = there.part
        )
        select
            link_id,
            least(part, other_part) as part,
            greatest(part, other_part) as other_part
        from renamed where part <> other_part
        """
    )
    return n_left
