"""Which identifiers are of one person: from the links that dbt lists to components."""

from dataclasses import dataclass

import duckdb

from warehouse.components import find_components, find_connected
from warehouse.connection import transaction


@dataclass(frozen=True)
class LinkSummary:
    """What became of the links."""

    n_links: int
    n_persons: int  # that they make
    n_blocked: int  # links to an address or number that ties nobody
    n_conflicts: int  # links that would have joined two users of a namespace
    n_too_large: int  # links that would have made a person too large
    n_similar: int  # links between profiles that are alike and share no key
    n_largest: int  # identifiers of the person who has most, devices of users left out
    max_identifiers: int  # that a person may have

    def in_words(self) -> str:
        """Tell it in a line."""
        cut = self.n_blocked + self.n_conflicts + self.n_too_large
        return f"{self.n_persons} persons of {self.n_links} links, {cut} links cut"


def link_identifiers(
    connection: duckdb.DuckDBPyConnection,
    *,
    max_identifiers: int,
    match_threshold: float = 0.95,
) -> LinkSummary:
    """Find who is who by what is linked; fill `identity`.

    Links of `intermediate.int_contacts_linked` count from the most trusted to the least
    (user_id before anonymous_id, e-mail before phone), of equal ones from the first
    seen; then those of `identity.similar_profiles`, from the most probable. None joins
    two user_ids of one namespace: it is cut, and so is one that gives a person more
    than `max_identifiers`.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The private warehouse, in which dbt has built the links.
    max_identifiers : int
        The most identifiers of a person.
    match_threshold : float
        The least probability at which similar profiles are of one person.
    """
    connection.execute(
        """
        create or replace temp table links_named as
        select
            trust_rank, 0::double as improbability, first_seen_at,
            identifier_type, identifier, namespace,
            contact_type as linked_identifier_type, contact_hash as linked_identifier,
            null as linked_namespace
        from intermediate.int_contacts_linked where block_reason is null
        union all
        select
            99, 1 - match_probability, first_seen_at,
            identifier_type, identifier, namespace,
            similar_identifier_type, similar_identifier, similar_namespace
        from identity.similar_profiles where match_probability >= ?
        """,
        [match_threshold],
    )
    connection.execute(
        """
        create or replace temp table identifiers as
        with united as (
            select identifier_type, identifier, namespace from links_named
            union all
            select linked_identifier_type, linked_identifier, linked_namespace
            from links_named
        ),
        distinct_identifiers as (
            select
                identifier_type,
                identifier,
                case when identifier_type = 'user_id' then min(namespace) end
                    as namespace
            from united group by identifier_type, identifier
        )
        select
            row_number() over (order by identifier_type, identifier) as node,
            identifier_type,
            identifier,
            namespace
        from distinct_identifiers;

        create or replace temp table nodes as
        select
            node,
            case
                when namespace is not null then dense_rank() over (order by namespace)
            end as owner_group
        from identifiers;

        create or replace temp table links as
        select
            row_number() over (
                order by
                    links_named.trust_rank,
                    links_named.improbability,
                    links_named.first_seen_at nulls last,
                    links_named.identifier_type,
                    links_named.identifier,
                    links_named.linked_identifier_type,
                    links_named.linked_identifier
            ) as link_id,
            here.node,
            there.node as other_node,
            links_named.trust_rank = 99 as is_similar
        from links_named
        inner join identifiers as here
            on links_named.identifier = here.identifier
            and links_named.identifier_type = here.identifier_type
        inner join identifiers as there
            on links_named.linked_identifier = there.identifier
            and links_named.linked_identifier_type = there.identifier_type
        """
    )
    find_components(connection, max_nodes=max_identifiers)
    _find_parts(connection)
    with transaction(connection):
        connection.execute(
            """
            delete from identity.components;
            delete from identity.links_cut;
            insert into identity.components
            select
                components.component, parts.component as part,
                identifiers.identifier_type, identifiers.identifier
            from components
            inner join identifiers using (node)
            inner join parts_by_key as parts using (node);
            insert into identity.links_cut
            select
                here.identifier_type, here.identifier,
                there.identifier_type, there.identifier, links_cut.reason
            from links_cut
            inner join links using (link_id)
            inner join identifiers as here on links.node = here.node
            inner join identifiers as there on links.other_node = there.node
            """
        )
    (counts,) = connection.execute(
        """
        select
            (select count(*) from intermediate.int_contacts_linked),
            (select count(distinct component) from components),
            (select count(*) from intermediate.int_contacts_linked
             where block_reason is not null),
            (select count(*) from links_cut where reason = 'conflict'),
            (select count(*) from links_cut where reason = 'too_large'),
            (select count(*) from links anti join links_cut using (link_id)
             where is_similar),
            (select coalesce(max(n_identifiers), 0) from (
                select count(*) as n_identifiers from components group by component
            ))
        """
    ).fetchall()
    return LinkSummary(*counts, max_identifiers)


def _find_parts(connection: duckdb.DuckDBPyConnection) -> None:
    """Tell into which parts a component falls without the links by likeness."""
    connection.execute(
        """
        create or replace temp table links_by_key as
        from links anti join links_cut using (link_id) where not is_similar
        """
    )
    ((n_similar,),) = connection.execute(
        "select count(*) from links where is_similar"
    ).fetchall()
    if n_similar:
        find_connected(connection, links="links_by_key", components="parts_by_key")
    else:
        connection.execute(
            "create or replace temp table parts_by_key as from components"
        )
