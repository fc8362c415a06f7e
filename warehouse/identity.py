"""Which identifiers are of one person: from the links that dbt lists to components."""

from collections.abc import Callable
from dataclasses import dataclass

import duckdb

from warehouse import ledger, likeness
from warehouse.components import find_components, find_connected
from warehouse.connection import transaction
from warehouse.home import Home

SIMILAR = 99  # the trust_rank of a link between profiles that are merely alike


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


def find_persons(
    connection: duckdb.DuckDBPyConnection,
    home: Home,
    progress: Callable[[str], None],
    *,
    afresh: bool = False,
) -> LinkSummary:
    """Compare profiles, and find who is who by what is linked, between dbt's two parts.

    See `likeness.compare_profiles` and `link_identifiers`.
    """
    settings = home.settings
    progress(likeness.compare_profiles(connection, home, progress, afresh=afresh))
    linked = link_identifiers(
        connection,
        max_identifiers=settings.max_identifiers_per_person,
        match_threshold=settings.match_threshold,
        afresh=afresh,
    )
    progress(linked.in_words())
    return linked


def link_identifiers(
    connection: duckdb.DuckDBPyConnection,
    *,
    max_identifiers: int,
    match_threshold: float = 0.95,
    afresh: bool = False,
) -> LinkSummary:
    """Find who is who by what is linked; bring `identity` up to date.

    Links of `intermediate.int_contacts_linked` count from the most trusted to the least
    (user_id before anonymous_id, e-mail before phone), of equal ones from the first
    seen; then those of `identity.similar_profiles`, from the most probable. None joins
    two user_ids of one namespace: it is cut, and so is one that gives a person more
    than `max_identifiers`.

    Only what hangs together, in any way, with a link that is new, other or gone since
    the last time is looked at again; everything, if the limit or the code is another.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The private warehouse, in which dbt has built the links.
    max_identifiers : int
        The most identifiers of a person.
    match_threshold : float
        The least probability at which similar profiles are of one person.
    afresh : bool
        Look at everything again.
    """
    connection.execute(
        """
        create or replace temp table links_named as
        select
            trust_rank, null::double as match_weight, first_seen_at,
            identifier_type, identifier, namespace,
            contact_type as linked_identifier_type, contact_hash as linked_identifier,
            null::varchar as linked_namespace, $made_with as made_with
        from intermediate.int_contacts_linked where block_reason is null
        union all
        select
            $similar, match_weight, first_seen_at,
            identifier_type, identifier, namespace,
            similar_identifier_type, similar_identifier, similar_namespace,
            $made_with
        from identity.similar_profiles as alike
        anti join (
            select identifier_type, identifier, contact_type, contact_hash
            from intermediate.int_contacts_linked
            union all
            select contact_type, contact_hash, identifier_type, identifier
            from intermediate.int_contacts_linked
        ) as by_key (here_type, here, there_type, there)
            on alike.identifier_type = here_type and alike.identifier = here
            and alike.similar_identifier_type = there_type
            and alike.similar_identifier = there
        where match_probability >= $match_threshold
        """,
        {
            "made_with": f"{max_identifiers} {ledger.code_fingerprint()}",
            "match_threshold": match_threshold,
            "similar": SIMILAR,
        },
    )
    _find_touched(connection, afresh=afresh)
    _number_touched(connection)
    find_components(connection, max_nodes=max_identifiers)
    _find_parts(connection)
    _replace_touched(connection)
    (counts,) = connection.execute(
        """
        select
            (select count(*) from intermediate.int_contacts_linked),
            (select count(distinct component) from identity.components),
            (select count(*) from intermediate.int_contacts_linked
             where block_reason is not null),
            (select count(*) from identity.links_cut where reason = 'conflict'),
            (select count(*) from identity.links_cut where reason = 'too_large'),
            (select count(*) from identity.links anti join identity.links_cut using (
                identifier_type, identifier, linked_identifier_type, linked_identifier
            ) where trust_rank = ?),
            (select coalesce(max(n_identifiers), 0) from (
                select count(*) as n_identifiers from identity.components
                group by component
            ))
        """,
        [SIMILAR],
    ).fetchall()
    return LinkSummary(*counts, max_identifiers)


def _find_touched(connection: duckdb.DuckDBPyConnection, *, afresh: bool) -> None:
    """List the identifiers of links that have changed, and all that hang with them."""
    changed = (
        "from links_named union all from identity.links"
        if afresh
        else """
        (from links_named except from identity.links)
        union all
        (from identity.links except from links_named)
        """
    )
    connection.execute(
        f"""
        create or replace temp table ends_changed as
        with links_changed as ({changed})
        select identifier_type, identifier from links_changed
        union
        select linked_identifier_type, linked_identifier from links_changed;

        create or replace temp table identifiers_touched as
        select identifier_type, identifier from identity.components
        where whole in (
            select whole from identity.components
            semi join ends_changed using (identifier_type, identifier)
        )
        union
        from ends_changed;
        """
    )


def _number_touched(connection: duckdb.DuckDBPyConnection) -> None:
    """Make nodes of the identifiers that are touched, and links of their links."""
    connection.execute(
        """
        create or replace temp table links_touched as
        from links_named semi join identifiers_touched
            using (identifier_type, identifier);

        create or replace temp table identifiers as
        with united as (
            select identifier_type, identifier, namespace from links_touched
            union all
            select linked_identifier_type, linked_identifier, linked_namespace
            from links_touched
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
            row_number() over (order by identifier_type, identifier)
            + (select coalesce(max(greatest(component, part, whole)), 0)
               from identity.components) as node,
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
        """
    )
    connection.execute(
        """
        create or replace temp table links as
        select
            row_number() over (
                order by
                    named.trust_rank,
                    named.match_weight desc nulls first,
                    named.first_seen_at nulls last,
                    named.identifier_type,
                    named.identifier,
                    named.linked_identifier_type,
                    named.linked_identifier
            ) as link_id,
            here.node,
            there.node as other_node,
            named.trust_rank = ? as is_similar
        from links_touched as named
        inner join identifiers as here
            on named.identifier = here.identifier
            and named.identifier_type = here.identifier_type
        inner join identifiers as there
            on named.linked_identifier = there.identifier
            and named.linked_identifier_type = there.identifier_type
        """,
        [SIMILAR],
    )


def _replace_touched(connection: duckdb.DuckDBPyConnection) -> None:
    """Put what was found in the place of what was there of the same identifiers."""
    with transaction(connection):
        for table in ("components", "links_cut", "links"):
            connection.execute(
                f"""
                delete from identity.{table} using identifiers_touched as touched
                where {table}.identifier = touched.identifier
                    and {table}.identifier_type = touched.identifier_type
                """
            )
        connection.execute(
            """
            insert into identity.links by name from links_touched;
            insert into identity.components by name
            select
                components.component, parts.component as part,
                wholes.component as whole,
                identifiers.identifier_type, identifiers.identifier
            from components
            inner join identifiers using (node)
            inner join wholes using (node)
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
