"""Which profiles are of one person though they share no key, as the vault has them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from warehouse import ledger
from warehouse.connection import transaction
from warehouse.errors import TesseraError
from warehouse.home import Home
from warehouse.keys import Keyring
from warehouse.vault import vault_of

if TYPE_CHECKING:
    from ml.linkage import Linkage

_CLEAR = "linkage"  # the database in memory that holds names and addresses for a while


# What stands where there is no name, and no birth date.
_NO_NAMES = ("unknown", "none", "null", "undefined", "anonymous", "anonym", "anon")
_NO_NAMES += (
    "nobody",
    "noname",
    "guest",
    "gast",
    "test",
    "tester",
    "customer",
    "kunde",
)
_NO_DATES = ("1900-01-01", "1970-01-01", "0001-01-01")
# A profile in the words that are compared; every column is of the profile or the vault.
_RECORDS = """
    with contacts as (
        select kind, hash, min(value) as value from vault.contacts group by kind, hash
    ),
    blocked as (
        select contact_type, contact_hash from intermediate.int_contacts_linked
        where block_reason <> 'too_many_contacts'
        union
        select contact_type, contact_hash from staging.stg_placeholder_contacts
    ),
    named as (
        select
            profiles.namespace,
            profiles.user_id is not null as has_user_id,
            profiles.user_id,
            profiles.anonymous_id,
            emails.hash as email_hash,
            phones.hash as phone_hash,
            people.first_name,
            people.last_name,
            case when people.first_name is null and people.last_name is null
                then {full_name} end as name,
            case when people.birth_date not in ({no_dates})
                then people.birth_date::varchar end as birth_date,
            stored.city,
            emails.value as email,
            phones.value as phone,
            profiles.signed_up_at
        from intermediate.int_profiles_attributed as profiles
        inner join raw.users as stored on profiles.profile_key = stored.row_key
        left join vault.people as people
            on profiles.profile_key = people.row_key and people.kind = 'users'
        left join contacts as emails
            on profiles.email_hash = emails.hash and emails.kind = 'email'
        left join contacts as phones
            on profiles.phone_hash = phones.hash and phones.kind = 'phone'
    ),
    unblocked as (
        select named.* replace (
            case when blocked_emails.contact_hash is null then email_hash end
                as email_hash,
            case when blocked_emails.contact_hash is null then email end as email,
            case when blocked_phones.contact_hash is null then phone_hash end
                as phone_hash,
            case when blocked_phones.contact_hash is null then phone end as phone,
            coalesce({plain_first_name}, case
                when contains(name, ',') then {first_of_turned_name}
                else {first_of_name}
            end) as first_name,
            coalesce({plain_last_name}, case
                when contains(name, ',') then {last_of_turned_name}
                else {last_of_name}
            end) as last_name,
            {plain_city} as city
        )
        from named
        left join blocked as blocked_emails
            on named.email_hash = blocked_emails.contact_hash
            and blocked_emails.contact_type = 'email'
        left join blocked as blocked_phones
            on named.phone_hash = blocked_phones.contact_hash
            and blocked_phones.contact_type = 'phone'
    ),
    held as (
        select
            case
                when user_id is not null then 'user_id'
                when anonymous_id is not null then 'anonymous_id'
                when email_hash is not null then 'email'
                else 'phone'
            end as identifier_type,
            coalesce(user_id, anonymous_id, email_hash, phone_hash) as identifier,
            namespace, has_user_id, {fields},
            min(signed_up_at) as first_seen_at
        from unblocked
        where coalesce(user_id, anonymous_id, email_hash, phone_hash) is not null
        group by all
    )
    select
        hash({fields}, identifier_type, identifier, namespace) as record_id,
        dense_rank() over (order by identifier_type, identifier) as holder_id,
        *,
        {parts}
    from held
    where {n_known} >= 2
"""


def compare_profiles(
    connection: duckdb.DuckDBPyConnection,
    home: Home,
    progress: Callable[[str], None],
    *,
    afresh: bool = False,
) -> str:
    """Find profiles that are probably of one person; fill `identity`.

    What was found stays while profiles, keys, settings and code are the same. Names,
    birth dates, addresses and numbers are looked up in the vault, into a database in
    memory that is gone at the end.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The private warehouse, in which dbt has built the links.
    home : Home
    progress : callable
        Told what takes its time.
    afresh : bool
        Compare again, though nothing has changed.

    Returns
    -------
    str
        What it learnt from, or why it did not, in words.

    Raises
    ------
    TesseraError
        If the comparison fails.
    """
    fingerprint = _fingerprint(connection, home)
    known = connection.execute(
        "select explanation from identity.match_models where fingerprint = ?",
        [fingerprint],
    ).fetchall()
    if known and not afresh:
        return f"{known[0][0]} before, and are the same"
    if not home.settings.match_similar_profiles:
        why_not = "match_similar_profiles is false in settings.yml"
    elif not home.vault.exists():
        why_not = "no profile has a name, a birth date, an address or a number"
    else:
        with _records(connection, home) as database:
            return _compare(connection, home, fingerprint, database, progress)
    return _remember_nothing(connection, fingerprint, why_not)


def _compare(
    connection: duckdb.DuckDBPyConnection,
    home: Home,
    fingerprint: str,
    database: duckdb.DuckDBPyConnection,
    progress: Callable[[str], None],
) -> str:
    """Compare the records of the database, and keep what comes of it."""
    from splink import DuckDBAPI

    from ml.errors import TooLittleToLearnError
    from ml.linkage import link_records

    ((n_records,),) = database.execute("select count(*) from records").fetchall()
    progress(f"comparing {n_records:,} profiles")
    try:
        found = link_records(
            DuckDBAPI(database), "records", least=home.settings.review_threshold
        )
    except TooLittleToLearnError as error:
        return _remember_nothing(connection, fingerprint, str(error))
    except Exception as error:  # whose words may hold names
        raise TesseraError(
            f"profiles could not be compared ({type(error).__name__}); "
            "`match_similar_profiles: false` in settings.yml leaves that out"
        ) from None
    return _remember(connection, fingerprint, found)


@contextmanager
def _records(
    connection: duckdb.DuckDBPyConnection, home: Home
) -> Generator[duckdb.DuckDBPyConnection]:
    """Give a database in memory with the profiles, in clear, as `records`."""
    from ml.linkage import FIELDS, PARTS

    query = _RECORDS.format(
        fields=", ".join(FIELDS),
        parts=", ".join(f"{part} as {name}" for name, part in PARTS.items()),
        n_known=" + ".join(f"({name} is not null)::int" for name in FIELDS),
        no_dates=", ".join(f"date '{day}'" for day in _NO_DATES),
        full_name=r"trim(regexp_replace(people.name, '\([^)]*\)|[^\p{L}\p{M}'',-]+', "
        "' ', 'g'))",
        **{
            name: _plain(text)
            for name, text in {
                "plain_first_name": "first_name",
                "plain_last_name": "last_name",
                "plain_city": "city",
                "first_of_name": r"regexp_extract(name, '^(.*)\s', 1)",
                "last_of_name": r"regexp_extract(name, '(\S+)$', 1)",
                "first_of_turned_name": "split_part(name, ',', 2)",
                "last_of_turned_name": "split_part(name, ',', 1)",
            }.items()
        },
    )
    with vault_of(home, connection, Keyring(home, connection)) as vault:
        vault.open()
        connection.execute(f"attach ':memory:' as {_CLEAR}")
        database = connection.cursor()
        try:
            database.execute(f"create table {_CLEAR}.records as {query}")
            database.execute(f"use {_CLEAR}")
            yield database
        finally:
            database.close()
            connection.execute(f"detach {_CLEAR}")


def _plain(text: str) -> str:
    """Write, in SQL, a text in the letters that are compared; null for no name."""
    letters = (
        f"regexp_replace(translate(lower(strip_accents({text})), 'øłđı', 'oldi'), "
        r"'[^\p{L}\p{N}]+', ' ', 'g')"
    )
    named = f"nullif(trim(replace({letters}, 'ß', 'ss')), '')"
    words = ", ".join(f"'{word}'" for word in _NO_NAMES)
    return f"case when {named} not in ({words}) then {named} end"


def _fingerprint(connection: duckdb.DuckDBPyConnection, home: Home) -> str:
    """Tell in one word what a comparison depends on."""
    ((profiles, blocked),) = connection.execute(
        """
        select
            (select bit_xor(hash(profile_key, user_id, email_hash, phone_hash))
             from intermediate.int_profiles_attributed),
            (select bit_xor(hash(contact_type, contact_hash)) from (
                select contact_type, contact_hash
                from intermediate.int_contacts_linked
                where block_reason is not null
                union
                select contact_type, contact_hash from staging.stg_placeholder_contacts
            ))
        """
    ).fetchall()
    settings = home.settings
    said = [
        profiles,
        blocked,
        settings.match_similar_profiles,
        settings.review_threshold,
        ledger.code_fingerprint(),
    ]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]


def _remember_nothing(
    connection: duckdb.DuckDBPyConnection, fingerprint: str, why_not: str
) -> str:
    """Keep that nothing was compared, and why."""
    why_not = f"profiles were not compared: {why_not}"
    with transaction(connection):
        _forget(connection)
        connection.execute(
            "insert into identity.match_models (fingerprint, is_on, explanation) "
            "values (?, false, ?)",
            [fingerprint, why_not],
        )
    return why_not


def _remember(
    connection: duckdb.DuckDBPyConnection, fingerprint: str, found: Linkage
) -> str:
    """Keep the model and what it found: the most probable pair of each two holders."""
    explanation = f"{found.n_records:,} profiles were compared"
    weights = pa.Table.from_pylist([asdict(weight) for weight in found.weights])
    with transaction(connection):
        _forget(connection)
        connection.execute(
            "insert into identity.match_models values (?, true, ?, ?, ?, ?)",
            [
                fingerprint,
                explanation,
                found.n_records,
                found.n_sure_pairs,
                json.dumps(found.parameters),
            ],
        )
        connection.register("match_weights_found", weights)
        connection.execute(
            "insert into identity.match_weights by name from match_weights_found"
        )
        connection.unregister("match_weights_found")
        connection.execute(
            f"""
            insert into identity.similar_profiles by name
            with pairs as (
                select
                    least(holder_id_l, holder_id_r) as holder_id,
                    greatest(holder_id_l, holder_id_r) as similar_holder_id,
                    round(max(match_weight), 2) as match_weight,
                    floor(max(match_probability) * 10000) / 10000 as match_probability,
                    count(*) as n_rows,
                    min(case
                        when here.first_seen_at > there.first_seen_at
                            then here.first_seen_at
                        when here.first_seen_at is not null then there.first_seen_at
                    end) as first_seen_at,
                from {_CLEAR}.main.{found.pairs} as pairs
                inner join {_CLEAR}.main.records as here
                    on pairs.record_id_l = here.record_id
                inner join {_CLEAR}.main.records as there
                    on pairs.record_id_r = there.record_id
                group by all
                having not coalesce(bool_or(here.email = there.email), false)
                    and not coalesce(bool_or(here.phone = there.phone), false)
            ),
            holders as (
                select
                    holder_id, identifier_type, identifier, min(namespace) as namespace
                from {_CLEAR}.main.records group by all
            )
            select
                here.identifier_type,
                here.identifier,
                here.namespace,
                there.identifier_type as similar_identifier_type,
                there.identifier as similar_identifier,
                there.namespace as similar_namespace,
                match_weight,
                match_probability,
                n_rows,
                first_seen_at
            from pairs
            inner join holders as here on pairs.holder_id = here.holder_id
            inner join holders as there on pairs.similar_holder_id = there.holder_id
            """
        )
    return explanation


def _forget(connection: duckdb.DuckDBPyConnection) -> None:
    for table in ("match_models", "match_weights", "similar_profiles"):
        connection.execute(f"delete from identity.{table}")
