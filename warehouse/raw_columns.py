"""How the columns of a raw table are made of what was judged, with nothing in clear.

The functions of `pseudonyms` have to be there while such a select runs.
"""

import json

from warehouse.adapters.quoting import sql_text
from warehouse.adapters.values import says_nothing
from warehouse.email_domains import email_domain_class
from warehouse.personal_names import may_be_personal
from warehouse.private_rows import private_fields
from warehouse.raw_tables import FIELDS, ITEM_FIELDS
from warehouse.redaction import SHORT, looks_personal
from warehouse.sources import RAW_COLUMNS, Source, field_types

NAMESPACED = (
    "event_id",
    "user_id",
    "anonymous_id",
    "session_id",
    "page_view_id",
    "product_id",
    "order_id",
)
_FIELDS = {column: field for field, column in RAW_COLUMNS.items()}
_ITEM_TEXTS = ("product_name", "category")


def select_rows(source: Source, judged: str) -> str:
    """Select the good lines of `judged` as rows of a raw table, from its hash on.

    `line_number` comes first. E-mail addresses, numbers and IP addresses are hashed,
    and so are ids that are one; in other texts they give way to marks. Fields whose
    names are personal, mapped or not, say nothing.
    """
    columns = list(FIELDS[source.kind])
    derived = ", ".join(f"{_derived(name, source)} as {name}" for name in columns)
    content = _content(source)
    if "event_id" in columns:  # hashing every event costs a quarter of the load
        no_id = f"event_id is null or {says_nothing('event_id')}"
        content = f"case when {no_id} then {content} end"
    kept = sql_text(json.dumps(source.publish_attributes))

    def withheld(text: str) -> str:
        call = f"withhold({text}::varchar, {kept}, {sql_text(source.kind)})"
        return f"case when {may_be_personal(text)} then {call} else {text}::varchar end"

    written = ", ".join(
        f"{_namespaced(name, source.namespace)} as {name}" for name in columns
    )
    texts = [name for name in columns if _is_text(name, source)]
    return f"""
        with texts_joined as not materialized (
            select *,
                {_joined(texts)} as texts,
                {content} as content
            from {judged}
            where reason is null
        ),
        texts_looked_at as not materialized (
            select *, {looks_personal("texts", is_joined=True)} as is_suspect
            from texts_joined
        ),
        lines as not materialized (
            select
                line_number, {derived}, {_content_hash(source)} as content_hash,
                {withheld("attributes")} as attributes,
                {withheld("published_attributes")} as published_attributes
            from texts_looked_at
        )
        select
            line_number, content_hash, {written},
            {_redacted("attributes")} as attributes,
            {_redacted("published_attributes", "redact_copy")} as published_attributes
        from lines
    """


def _derived(column: str, source: Source) -> str:
    """Select a raw column, hashed or redacted."""
    field = _FIELDS.get(column, column)
    if column == "birth_year":
        return "try_cast(year(birth_date) as smallint)"
    if column == "email_domain_class":
        return email_domain_class("email") if "email" in source.columns else "null"
    if field not in source.columns:
        return "null" if column.endswith("_hash") else field
    if column.endswith("_hash"):
        return f"case when {field} is not null then hash_{field}({field}) end"
    if field == "user_id":
        return _hashed_id(field, "hash_user_id")
    if field == "items":
        return _derived_items()
    if field.endswith("_id"):
        return _hashed_id(field, "hash_id")
    if _is_text(column, source):
        return f"case when is_suspect then redact({field}) else {field} end"
    return field


def _is_text(column: str, source: Source) -> bool:
    """Tell whether a column is a text that a source maps, and neither id nor hash."""
    return (
        FIELDS[source.kind][column] == "VARCHAR"
        and _FIELDS.get(column, column) in source.columns
        and not column.endswith(("_id", "_hash"))
    )


def _joined(columns: list[str]) -> str:
    """Write texts one below the other: they are looked at once, all together.

    Short ones are left out: nothing is in them, and codes are often in capitals, for
    which a text would have to be looked at closely.
    """
    fields = [_FIELDS.get(column, column) for column in columns]
    long = [f"case when strlen({text}) > {SHORT} then {text} end" for text in fields]
    return f"concat_ws(chr(10), '', {', '.join(long)})" if columns else "''"


def _derived_items() -> str:
    """Select the items of a basket, each hashed and redacted like a row."""
    texts = {name: f"item.{name}" for name in ITEM_FIELDS}
    texts |= {name: _redacted(texts[name]) for name in _ITEM_TEXTS}
    texts["product_id"] = _hashed_id(texts["product_id"], "hash_id")
    packed = ", ".join(f"{name} := {text}" for name, text in texts.items())
    return f"list_transform(items, lambda item: struct_pack({packed}))"


def _hashed_id(text: str, function: str) -> str:
    """Hash an id if it is an address or a number."""
    signs = " or ".join(f"contains({text}, '{sign}')" for sign in "@+%\uff20")
    return f"case when {signs} then {function}({text}) else {text} end"


def _redacted(text: str, function: str = "redact") -> str:
    """Put marks in place of addresses and numbers; few texts are looked at closely."""
    return f"case when {looks_personal(text)} then {function}({text}) else {text} end"


def _content(source: Source) -> str:
    """Write what a row says, not when it came.

    Not the namespace, source or file: the same event hashes the same everywhere. What
    is null or not there adds nothing.
    """
    fields = [name for name in field_types(source.kind) if name in source.columns]
    texts = {name: f"{name}::varchar" for name in [*fields, "attributes"]}
    texts |= {"items": "to_json(items)::varchar"}
    texts |= {"user_id": _hashed_id("user_id", "hash_user_id")}
    texts.pop("received_at", None)  # when a copy came
    told = ", ".join(
        f"chr(31) || '{RAW_COLUMNS.get(name, name)}=' || {texts[name]}"
        for name in [*fields, "attributes"]
        if name in texts
    )
    return f"concat({told})"


def _content_hash(source: Source) -> str:
    """Hash the `content` of a row; with the key if any of it is personal."""
    personal = [
        name
        for name in field_types(source.kind)
        if name in source.columns
        if f"{name}_hash" in FIELDS[source.kind] or name in private_fields(source)
    ]
    is_personal = " or ".join(
        [
            may_be_personal("attributes"),
            *(f"{name} is not null" for name in personal),
            looks_personal("content", is_joined=True),
        ]
    )
    return f"""
        case
            when content is null then null
            when {is_personal} then hash_content(content)
            else md5(content)
        end
    """


def _namespaced(column: str, namespace: str) -> str:
    """Select a column, an id with the namespace before it."""
    prefix = sql_text(f"{namespace}:")
    if namespace and column in NAMESPACED:
        return f"{prefix} || {column}"
    if namespace and column == "items":
        texts = {name: f"item.{name}" for name in ITEM_FIELDS}
        texts["product_id"] = f"{prefix} || item.product_id"
        packed = ", ".join(f"{name} := {text}" for name, text in texts.items())
        return f"list_transform(items, lambda item: struct_pack({packed}))"
    return column
