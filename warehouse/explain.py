"""Why a person is who they are: the links that published tables hold, as a tree."""

from collections import deque
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import duckdb

from warehouse.connection import open_snapshot, rows_by_name
from warehouse.errors import ConfigurationError, TesseraError
from warehouse.home import Home
from warehouse.pseudonyms import hash_of_contact, hash_of_local_number

Node = tuple[str, str]  # identifier_type and identifier

_KINDS = {
    "user_id": "user",
    "anonymous_id": "device",
    "email": "e-mail address",
    "phone": "phone number",
}
_RULES = {
    "same_event": ("event", "events"),
    "same_profile": ("profile", "profiles"),
    "same_row": ("row", "rows"),
    "similar_profile": ("similar profile", "pairs of similar profiles"),
    "itself": ("row, in which the id is the address itself", "rows"),
}
_CUTS = {
    "placeholder": "it stands for that there is none",
    "shared": "several users of one namespace have it, so it joins nobody",
    "too_many_users": "more users have it than max_users_per_identifier",
    "too_many_contacts": "it told of more addresses than max_users_per_identifier",
    "conflict": "it would join two users of one namespace",
    "too_large": "a person would have more than max_identifiers_per_person",
    "for_review": "a similar profile, but not similar enough to be sure; for review",
    "changed_hands": "several users were seen with it: each event is of who was there",
}
_OF_CONTACTS = ("placeholder", "shared", "too_many_users")
_CHANGES = {
    "merged": "became one with",
    "split": "was parted from",
    "moved": "came from",
}


@dataclass(frozen=True)
class Link:
    """One way from an identifier of a person to another."""

    identifier_type: str
    identifier: str
    depth: int  # steps from the id that the person is published under
    link_rule: str
    n_rows: int
    first_seen_at: datetime | None
    match_probability: float

    def in_words(self) -> str:
        """Say it in a line."""
        one, several = _RULES[self.link_rule]
        seen = f"{self.n_rows:,} {one if self.n_rows == 1 else several}"
        since = (
            f" since {self.first_seen_at:%Y-%m-%d %H:%M}" if self.first_seen_at else ""
        )
        sure = (
            f", {self.match_probability:.1%} sure"
            if self.link_rule == "similar_profile"
            else ""
        )
        return f"{_named(self.identifier_type, self.identifier)}: {seen}{sure}{since}"


@dataclass
class Explanation:
    """A person's tree of links, what was not believed, and what changed."""

    user_id: str
    is_identified: bool
    links: list[Link] = field(default_factory=list)  # parents before children
    cut: list[dict[str, Any]] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)

    def in_words(self) -> str:
        """Say it in lines, a step further in for each step of the way."""
        kind = "user_id" if self.is_identified else "anonymous_id"
        lines = [_named(kind, self.user_id)]
        lines += [f"{'  ' * link.depth}{link.in_words()}" for link in self.links]
        if len(lines) == 1:
            lines.append("  nothing ties another id to it")
        lines += [
            f"not believed: {_named(row['identifier_type'], row['identifier'])} and "
            f"{_named(row['linked_identifier_type'], row['linked_identifier'])}: "
            f"{_CUTS[row['cut_reason']]}"
            + (
                f" ({row['match_probability']:.1%})"
                if row["link_rule"] == "similar_profile"
                else ""
            )
            for row in self.cut
        ]
        lines += [
            f"{row['changed_at']:%Y-%m-%d}: "
            f"{_named(row['identifier_type'], row['identifier'])} "
            f"{_CHANGES[row['change']]} "
            f"{row['to_user_id' if row['change'] == 'merged' else 'from_user_id']!a} "
            f"({row['reason']})"
            for row in self.changes
        ]
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """Give what JSON can hold."""
        return asdict(self)


def explain(home: Home, identifier: str) -> Explanation:
    """Explain a person by what the current snapshot says.

    Parameters
    ----------
    home : Home
    identifier : str
        A user_id, an anonymous id, an address or number, or the published hash of one.
        What is no id may be a number without its country's code, of `phone_region`.

    Raises
    ------
    ConfigurationError
        If the identifier is empty.
    TesseraError
        If nothing is published, or nobody is known by the identifier.
    """
    if not identifier.strip():
        raise ConfigurationError("IDENTIFIER is empty: give an id, address or number")
    if not home.current.exists():
        raise TesseraError("nothing is published yet: run `tessera run`")
    hashed = hash_of_contact(home, identifier)
    number = None if hashed else hash_of_local_number(home, identifier)
    with open_snapshot(home.current) as connection:
        found = _person_of(connection, hashed or identifier)
        if found is None and number:
            found = _person_of(connection, number)
        if found is None:
            raise TesseraError(_why_nobody(connection, identifier, hashed, number))
        user_id, is_identified = found
        rows = rows_by_name(
            connection,
            "select * from marts.identity_links "
            "where user_id = $1 or linked_user_id = $1 order by all",
            [user_id],
        )
        changes = rows_by_name(
            connection,
            "select * from marts.identity_changes "
            "where from_user_id = $1 or to_user_id = $1 "
            "order by changed_at, run_id, identifier",
            [user_id],
        )
    explained = Explanation(user_id, is_identified, changes=changes)
    explained.cut = [row for row in rows if row["cut_reason"]]
    joining = [row for row in rows if not row["cut_reason"]]
    root = ("user_id" if is_identified else "anonymous_id", user_id)
    explained.links = _tree(root, joining)
    return explained


def _person_of(
    connection: duckdb.DuckDBPyConnection, identifier: str
) -> tuple[str, bool] | None:
    """Find the user_id that a person is published under, and if they are identified."""
    return connection.execute(
        """
        select user_id, is_identified
        from marts.user_identifiers inner join marts.users using (user_id)
        where identifier = ?
        order by identifier_type = 'user_id' desc, user_id limit 1
        """,
        [identifier],
    ).fetchone()


def _why_nobody(
    connection: duckdb.DuckDBPyConnection,
    identifier: str,
    hashed: str | None,
    number: str | None,
) -> str:
    """Say why nobody is known by an identifier, which may be a local number, too."""
    contact = "this address or number"
    for tried in (hashed or identifier, number):
        if tried and (cut := _links_cut(connection, tried)):
            is_contact = any(kind in ("email", "phone") for kind, _, _ in cut)
            named = contact if is_contact else ascii(identifier)
            return f"nobody is known by {named}: {_reasons(cut)}"
    if hashed:
        return f"nobody is known by {contact} in the current snapshot"
    return (
        f"nobody is known by {'this id or number' if number else ascii(identifier)} in "
        "the current snapshot; an id of a source with a namespace begins with it, as "
        "in app:1"
    )


def _links_cut(
    connection: duckdb.DuckDBPyConnection, identifier: str
) -> list[tuple[str, str, str]]:
    """List its type, that of what it was not believed to be one with, and why."""
    return connection.execute(
        """
        select identifier_type, linked_identifier_type, cut_reason
        from marts.identity_links where identifier = $1 and cut_reason is not null
        union
        select linked_identifier_type, identifier_type, cut_reason
        from marts.identity_links
        where linked_identifier = $1 and cut_reason is not null
        order by all
        """,
        [identifier],
    ).fetchall()


def _reasons(cut: list[tuple[str, str, str]]) -> str:
    """Say each reason once; of an address with a number, it may be of either."""
    of_itself = [
        _CUTS[reason]
        for _, other_type, reason in cut
        if other_type not in ("email", "phone") or reason not in _OF_CONTACTS
    ]
    if not of_itself:
        return "it came with another, and one of the two joins nobody"
    return "; ".join(dict.fromkeys(of_itself))


def _tree(root: Node, rows: list[dict[str, Any]]) -> list[Link]:
    """List links as one goes down the shortest ways from the root, depth first."""
    ways: dict[Node, list[tuple[Node, dict[str, Any]]]] = {}
    for row in rows:
        here = (row["identifier_type"], row["identifier"])
        there = (row["linked_identifier_type"], row["linked_identifier"])
        ways.setdefault(here, []).append((there, row))
        ways.setdefault(there, []).append((here, row))
    children: dict[Node, list[tuple[Node, dict[str, Any]]]] = {}
    seen, waiting = {root}, deque([root])
    while waiting:
        node = waiting.popleft()
        for other, row in ways.get(node, []):
            if other not in seen:
                seen.add(other)
                waiting.append(other)
                children.setdefault(node, []).append((other, row))
    links: list[Link] = []
    stack = [(child, row, 1) for child, row in reversed(children.get(root, []))]
    while stack:
        node, row, depth = stack.pop()
        told = ("link_rule", "n_rows", "first_seen_at", "match_probability")
        links.append(Link(*node, depth, *(row[name] for name in told)))
        below = reversed(children.get(node, []))
        stack += [(child, row, depth + 1) for child, row in below]
    return links


def _named(identifier_type: str, identifier: str) -> str:
    """Name an identifier; of a hash, its beginning tells it from others."""
    is_hashed = identifier_type in ("email", "phone")
    shown = f"{identifier[:12]}..." if is_hashed else identifier
    printable = "".join(
        letter if letter.isprintable() else ascii(letter)[1:-1] for letter in shown
    )
    return f"{_KINDS[identifier_type]} {printable}"
