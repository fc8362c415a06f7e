"""What of a file goes to the vault, when the rest of it goes to the warehouse."""

import duckdb
import pyarrow as pa

from warehouse.adapters.quoting import sql_text
from warehouse.adapters.reading import BLANK
from warehouse.pseudonyms import Disclosed
from warehouse.raw_tables import CONTACT_NOTES, PRIVATE, WITHHELD
from warehouse.sources import Source
from warehouse.suspects import RefusedLine
from warehouse.vault import copy_rows, insert_rows


def private_fields(source: Source) -> list[str]:
    """List the fields that a source maps and the vault alone keeps."""
    return [name for name in PRIVATE.get(source.kind, {}) if name in source.columns]


def accepted_lines(judged: str) -> str:
    """Name the temporary table of the good lines of `judged`."""
    return f"{judged}_accepted"


def count_withheld(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    file_id: int,
    disclosed: Disclosed,
    *,
    load_id: int | None = None,
) -> int:
    """Count the rows of a file some of whose attributes are not in the warehouse.

    Of all loads, or of one.
    """
    if not disclosed.withheld:
        return 0
    ((n_rows,),) = connection.execute(
        f"select count(*) from raw.{source.kind} "
        "where file_id = ? and contains(attributes::varchar, ?) "
        "and load_id = coalesce(?, load_id)",
        [file_id, WITHHELD, load_id],
    ).fetchall()
    return n_rows


def insert_contact_notes(
    connection: duckdb.DuckDBPyConnection, file_id: int, disclosed: Disclosed
) -> None:
    """Keep whose address a hashed user_id is, and which addresses say that none is."""
    columns = {
        "raw.user_contacts": [
            (user_id, kind, hashed)
            for user_id, (kind, hashed) in disclosed.user_contacts.items()
        ],
        "raw.placeholder_contacts": sorted(disclosed.placeholders),
    }
    for table, rows in columns.items():
        if not rows:
            continue
        names = list(CONTACT_NOTES[table])[1:]
        frame = pa.table(dict(zip(names, zip(*rows, strict=True), strict=True)))
        connection.register("contact_notes", frame)
        connection.execute(
            f"insert into {table} select ?, {', '.join(names)} from contact_notes",
            [file_id],
        )
        connection.unregister("contact_notes")


def keep_contacts(
    writer: duckdb.DuckDBPyConnection, file_id: int, disclosed: Disclosed
) -> None:
    """Keep each address and number of a file beside its hash."""
    contacts = disclosed.contacts()
    if contacts:
        kinds, hashes, values = zip(*contacts, strict=True)
        rows = {
            "file_id": pa.array([file_id] * len(contacts), pa.int32()),
            "kind": kinds,
            "hash": hashes,
            "value": values,
        }
        insert_rows(writer, "contacts", pa.table(rows))


def keep_people(
    connection: duckdb.DuckDBPyConnection,
    writer: duckdb.DuckDBPyConnection,
    source: Source,
    file_id: int,
    disclosed: Disclosed,
    *,
    judged: str = "judged",
) -> None:
    """Keep what rows say of a person that the warehouse does not.

    Names and the like are in the table of `accepted_lines`. Else only lines of which
    something was withheld are looked at once more.
    """
    fields = private_fields(source)
    if not fields and not disclosed.withheld:
        return
    table = f"raw.{source.kind}"
    if not fields:
        connection.execute(
            f"""
            create or replace temp view lines_judged as
            from lines_staged semi join (
                select line_number from {table} where file_id = {file_id}
                and contains(attributes::varchar, {sql_text(WITHHELD)})
            ) using (line_number)
            """
        )
    says_any = " or ".join(f"{name} is not null" for name in [*fields, "attributes"])
    copy_rows(
        connection,
        f"""
        with people as (
            select
                stored.row_key, stored.file_id, stored.source,
                {sql_text(source.kind)} as kind,
                {"".join(f"accepted.{name}, " for name in fields)}
                case
                    when accepted.attributes::varchar
                        is distinct from stored.attributes::varchar
                        then accepted.attributes::varchar
                end as attributes
            from {accepted_lines(judged) if fields else judged} as accepted
            inner join {table} as stored
                on accepted.line_number = stored.line_number
                and stored.file_id = {file_id}
        )
        from people where {says_any}
        """,
        writer,
        "people",
    )


def keep_refused(
    connection: duckdb.DuckDBPyConnection,
    writer: duckdb.DuckDBPyConnection,
    file_id: int,
    refused: list[RefusedLine],
) -> None:
    """Keep the bytes of the lines in quarantine."""
    copy_rows(
        connection,
        f"""
        select {file_id}::integer as file_id, line_number, encode(raw_line) as raw_line
        from lines_set_aside where reason <> {sql_text(BLANK)}
        """,
        writer,
        "quarantine",
    )
    if refused:
        rows = {
            "file_id": pa.array([file_id] * len(refused), pa.int32()),
            "line_number": pa.array([line.line_number for line in refused], pa.int64()),
            "raw_line": pa.array([line.raw_line for line in refused], pa.binary()),
        }
        insert_rows(writer, "quarantine", pa.table(rows))
