"""The same model, the same bytes: what skops writes, without where and when it did."""

import io
import json
import zipfile
from pathlib import PurePath

SCHEMA = "schema.json"
FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # of ZIP's calendar


def settle_archive(content: bytes) -> bytes:
    """Write a file of skops anew, with numbers for places in memory and no times.

    skops names every object by where it lay in memory, and a ZIP tells when each
    member was written. Here objects are counted in the order in which they are named,
    so that equal models have equal bytes, and a hash identifies one.

    Parameters
    ----------
    content : bytes
        What `skops.io.dumps` made.

    Returns
    -------
    bytes
        What `skops.io.loads` makes the same of.
    """
    numbers: dict[int, int] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        schema = _counted(json.loads(archive.read(SCHEMA)), numbers)
        members = {
            _member(name, numbers): archive.read(name)
            for name in archive.namelist()
            if name != SCHEMA
        }
    members[SCHEMA] = json.dumps(schema, separators=(",", ":")).encode()
    settled = io.BytesIO()
    with zipfile.ZipFile(settled, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as target:
        for name, inside in members.items():
            member = zipfile.ZipInfo(name, FIRST_DAY)
            member.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(member, inside)
    return settled.getvalue()


def _counted(part: object, numbers: dict[int, int]) -> object:
    """Give the objects of a part of the schema, and the files they are in, numbers."""
    if isinstance(part, list):
        return [_counted(each, numbers) for each in part]
    if not isinstance(part, dict):
        return part
    counted = {name: _counted(each, numbers) for name, each in part.items()}
    if "__loader__" in part:
        if isinstance(part.get("file"), str):
            counted["file"] = _member(part["file"], numbers)
        if isinstance(part.get("__id__"), int):
            counted["__id__"] = _number(part["__id__"], numbers)
    return counted


def _member(name: str, numbers: dict[int, int]) -> str:
    """Name a member by the number of the object in it."""
    path = PurePath(name)
    return f"{_number(int(path.stem), numbers)}{path.suffix}"


def _number(place: int, numbers: dict[int, int]) -> int:
    return numbers.setdefault(place, len(numbers) + 1)
