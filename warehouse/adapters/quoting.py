"""How names and texts of other people are written into SQL and JSON paths."""


def sql_text(text: str) -> str:
    """Write a text as an SQL literal.

    >>> sql_text("it's")
    "'it''s'"

    Raises
    ------
    ValueError
        If the text holds a NUL, which would end the statement.
    """
    if "\0" in text:
        raise ValueError("a NUL cannot be written in SQL")
    return "'" + text.replace("'", "''") + "'"


def sql_name(name: str) -> str:
    """Write a name as an SQL identifier.

    >>> sql_name("a b")
    '"a b"'
    """
    if "\0" in name:
        raise ValueError("a NUL cannot be written in SQL")
    return '"' + name.replace('"', '""') + '"'


def json_pointer(parts: list[str]) -> str:
    """Write keys, outermost first, as a JSON pointer in an SQL literal.

    >>> json_pointer(["a/b", "c"])
    "'/a~1b/c'"
    """
    escaped = (part.replace("~", "~0").replace("/", "~1") for part in parts)
    return sql_text("".join(f"/{part}" for part in escaped))


def split_path(path: str) -> list[str]:
    """Take a dotted path apart; a name with an empty part is no path.

    >>> split_path("traits.plan"), split_path("Invoice No.")
    (['traits', 'plan'], ['Invoice No.'])
    """
    parts = path.split(".")
    return parts if all(parts) else [path]


def json_object(pairs: list[tuple[str, str]]) -> str:
    """Build a JSON object of names and SQL values of type JSON, by name.

    What is null is left out; an object with nothing in it is null.
    """
    if not pairs:
        return "null"
    entries = ", ".join(
        f"struct_pack(key := {sql_text(name)}, value := {value})"
        for name, value in sorted(pairs)
    )
    return _object_text(f"list_filter([{entries}], lambda e: e.value is not null)")


def json_of_texts(names: list[str], texts: str, value: str = "to_json(e[2])") -> str:
    """Build a JSON object of names and a list of as many texts, by name.

    What is null or empty is left out. One expression, however many names there are:
    `value` reads the text e[2] of the name e[1].
    """
    listed = f"[{', '.join(map(sql_text, names))}]::varchar[]"
    given = f"list_filter(list_zip({listed}, {texts}), lambda e: e[2] <> '')"
    pair = f"struct_pack(key := e[1], value := {value})"
    return _object_text(f"list_transform({given}, lambda e: {pair})")


def json_sorted(text: str) -> str:
    """Sort the fields of a JSON object by name, without those that are null."""
    entries = f"map_entries(cast({text} as map(varchar, json)))"
    return _object_text(
        f"list_sort(list_filter({entries}, lambda e: e.value is not null))"
    )


def _object_text(entries: str) -> str:
    return f"nullif(to_json(map_from_entries({entries}))::varchar, '{{}}')"
