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
    something does not fit are built up in rounds, which give what Kruskal's order
    would: in each, all that does not fit any more is dropped, and each part takes as
    many of its strongest links as it would before anything else happens to their ends.

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
        `links_cut` (link_id, reason: `conflict` if the components it would have joined
        have an owner_group in common, else `too_large`) and `wholes` (as `components`,
        but with nothing cut).
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
        create or replace temp table parts as
        select components.node, components.node as part
        from components semi join components_unfit
        on components.component = components_unfit.component;
        create or replace temp table links_left as
        select
            min(links.link_id) as link_id,
            least(links.node, links.other_node) as part,
            greatest(links.node, links.other_node) as other_part
        from links semi join parts on links.node = parts.node
        where links.node <> links.other_node
        group by all
        """
    )
    while _drop_what_does_not_fit(connection, max_nodes):
        _join_strongest(connection, max_nodes)
    connection.execute(
        """
        create or replace temp table components as
        select
            components.node,
            min(components.node) over (
                partition by coalesce(parts.part, components.component)
            ) as component
        from components left join parts on components.node = parts.node;

        create or replace temp table links_cut as
        with apart as (
            select
                links.link_id,
                here.component,
                there.component as other_component
            from links
            inner join components as here on links.node = here.node
            inner join components as there on links.other_node = there.node
            where here.component <> there.component
        ),
        held as (
            select components.component, nodes.owner_group
            from components inner join nodes on components.node = nodes.node
            where nodes.owner_group is not null
        ),
        in_conflict as (
            select apart.link_id
            from apart
            inner join held as here on apart.component = here.component
            inner join held as there
                on apart.other_component = there.component
                and here.owner_group = there.owner_group
        )
        select
            apart.link_id,
            case
                when in_conflict.link_id is not null then 'conflict' else 'too_large'
            end as reason
        from apart
        left join (select distinct link_id from in_conflict) as in_conflict
            on apart.link_id = in_conflict.link_id
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


def _drop_what_does_not_fit(
    connection: duckdb.DuckDBPyConnection, max_nodes: int
) -> int:
    """Drop the links of parts that may not be one; they never will, as parts only grow.

    Returns how many links are left.
    """
    connection.execute(
        """
        create or replace temp table part_sizes as
        select part, count(*) as n_nodes from parts group by part;

        create or replace temp table part_groups as
        select parts.part, nodes.owner_group
        from parts inner join nodes on parts.node = nodes.node
        where nodes.owner_group is not null
        """
    )
    connection.execute(
        """
        create or replace temp table links_left as
        with in_conflict as (
            select links_left.link_id
            from links_left
            inner join part_groups as here on links_left.part = here.part
            inner join part_groups as there
                on links_left.other_part = there.part
                and here.owner_group = there.owner_group
        )
        select links_left.*
        from links_left
        inner join part_sizes as here on links_left.part = here.part
        inner join part_sizes as there on links_left.other_part = there.part
        anti join in_conflict on links_left.link_id = in_conflict.link_id
        where here.n_nodes + there.n_nodes <= ?
        """,
        [max_nodes],
    )
    ((n_left,),) = connection.execute("select count(*) from links_left").fetchall()
    return n_left


def _join_strongest(connection: duckdb.DuckDBPyConnection, max_nodes: int) -> None:
    """Join each part with those that its strongest links lead to, as far as is certain.

    A part (the hub) takes its links in their order, up to the first that

    - is not the strongest of its other end as well,
    - is weaker than another link of a part just taken, which comes before it, or
    - does not fit any more, together with what was just taken.

    So nothing else happens to these parts until the hub's last link is taken. If two
    parts have the same strongest link, at most one of them takes more than that link:
    its next one is stronger than the other's next.
    """
    connection.execute(
        """
        create or replace temp table parts_joined as
        with ends as (
            select part, other_part, link_id from links_left
            union all
            select other_part as part, part as other_part, link_id from links_left
        ),
        strongest as (
            select part, min(link_id, 2) as link_ids from ends group by part
        ),
        group_again as (
            select ends.part, ends.link_id
            from ends inner join part_groups on ends.other_part = part_groups.part
            qualify
                row_number() over (
                    partition by ends.part, part_groups.owner_group
                    order by ends.link_id
                ) > 1
        ),
        judged as (
            select
                ends.*,
                strongest.link_ids[1] <> ends.link_id
                or coalesce(
                    min(strongest.link_ids[2]) over so_far < ends.link_id, false
                )
                or here.n_nodes + sum(there.n_nodes) over so_far > $max_nodes
                or group_again.link_id is not null as has_to_wait
            from ends
            inner join strongest on ends.other_part = strongest.part
            inner join part_sizes as here on ends.part = here.part
            inner join part_sizes as there on ends.other_part = there.part
            left join (select distinct part, link_id from group_again) as group_again
                on ends.part = group_again.part and ends.link_id = group_again.link_id
            window so_far as (partition by ends.part order by ends.link_id)
        ),
        taken as (
            select part, other_part, link_id
            from judged
            qualify not bool_or(has_to_wait) over (partition by part order by link_id)
        ),
        counted as (
            select *, count(*) over (partition by part) as n_taken from taken
        )
        select other_part as part, part as joined_part
        from counted
        qualify
            row_number() over (partition by link_id order by n_taken desc, part) = 1
        """,
        {"max_nodes": max_nodes},
    )
    connection.execute(
        """
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
            left join parts_joined as here on links_left.part = here.part
            left join parts_joined as there on links_left.other_part = there.part
        )
        select
            min(link_id) as link_id,
            least(part, other_part) as part,
            greatest(part, other_part) as other_part
        from renamed
        where part <> other_part
        group by all
        """
    )
