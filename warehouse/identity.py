"""Which identifiers are of one person: from the links that dbt lists to components."""

from dataclasses import dataclass

import duckdb

from warehouse.components import find_components
from warehouse.connection import transaction


@dataclass(frozen=True)
class LinkSummary:
    """What became of the links."""

    n_links: int
    n_persons: int  # that they make
    n_blocked: int  # links to an address or number that ties nobody
    n_conflicts: int  # links that would have joined two users of a namespace
    n_too_large: int  # links that would have made a person too large

    def in_words(self) -> str:
        """Tell it in a line."""
        cut = self.n_blocked + self.n_conflicts + self.n_too_large
        return f"{self.n_persons} persons of {self.n_links} links, {cut} links cut"


def link_identifiers(
    connection: duckdb.DuckDBPyConnection, *, max_identifiers: int
) -> LinkSummary:
    """Find who is who by `intermediate.int_contacts_linked`; fill `identity`.

    Links count from the most trusted to the least (user_id before anonymous_id, e-mail
    before phone), of equal ones from the first seen. None joins two user_ids of one
    namespace: it is cut, and so is one that gives a person more than `max_identifiers`.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The private warehouse, in which dbt has built the links.
    max_identifiers : int
        The most identifiers of a person.
    """
    connection.execute(
        """
        create or replace temp table links_named as
        select * from intermediate.int_contacts_linked where block_reason is null;

        create or replace temp table identifiers as
        with united as (
            select identifier_type, identifier, namespace from links_named
            union all
            select contact_type, contact_hash, null from links_named
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
                    links_named.first_seen_at nulls last,
                    links_named.identifier_type,
                    links_named.identifier,
                    links_named.contact_type,
                    links_named.contact_hash
            ) as link_id,
            here.node,
            there.node as other_node
        from links_named
        inner join identifiers as here
            on links_named.identifier = here.identifier
            and links_named.identifier_type = here.identifier_type
        inner join identifiers as there
            on links_named.contact_hash = there.identifier
            and links_named.contact_type = there.identifier_type
        """
    )
    find_components(connection, max_nodes=max_identifiers)
    with transaction(connection):
        connection.execute(
            """
            delete from identity.components;
            delete from identity.links_cut;
            insert into identity.components
            select
                components.component, identifiers.identifier_type,
                identifiers.identifier
            from components inner join identifiers using (node);
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
    ((n_links, n_blocked, n_persons, n_conflicts, n_too_large),) = connection.execute(
        """
        select
            (select count(*) from intermediate.int_contacts_linked),
            (select count(*) from intermediate.int_contacts_linked
             where block_reason is not null),
            (select count(distinct component) from components),
            (select count(*) from links_cut where reason = 'conflict'),
            (select count(*) from links_cut where reason = 'too_large')
        """
    ).fetchall()
    return LinkSummary(
        n_links=n_links,
        n_persons=n_persons,
        n_blocked=n_blocked,
        n_conflicts=n_conflicts,
        n_too_large=n_too_large,
    )
