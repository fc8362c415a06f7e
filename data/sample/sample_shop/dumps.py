"""The dumps: which lines go to which file, what breaks on the way, and the truth."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from backports import zstd

from sample_shop import tables
from sample_shop.archetypes import ARCHETYPES
from sample_shop.catalog import planted_pairs
from sample_shop.people import true_archetypes, true_identifiers
from sample_shop.shop import Shop
from sample_shop.trackers import Wording, app_lines, split_by_tracker, web_lines

SOURCES = Path(__file__).parents[1] / "sources"
WEB_EVENTS_THAT_BREAK = ("mangled", "cut short", "a gateway's error page", "none")
OVERLAP = pd.Timedelta(days=1)


def make_files(shop: Shop) -> dict[str, bytes]:
    """Make every file of the sample: path below the output folder, and its bytes."""
    counts: dict[str, dict[str, int]] = {}
    files = {
        f"inbox/{path.parent.name}/source.yml": path.read_bytes()
        for path in sorted(SOURCES.glob("*/source.yml"))
    }
    dumps = {
        **_tracker_files(shop, counts),
        **_office_files(shop, counts),
        **_mail_files(shop, counts),
        "crm/users.csv": _broken_csv(tables.crm_users(shop), "crm/users.csv", counts),
        "consents/consents.csv": _csv(
            tables.consents(shop), "consents/consents.csv", counts
        ),
        "surveys/after_order.csv": _csv(
            tables.surveys(shop), "surveys/after_order.csv", counts
        ),
    }
    files |= {f"inbox/{name}": content for name, content in dumps.items()}
    truth = {"files": counts, "totals": _totals(shop)}
    pairs = planted_pairs(shop.products)
    users = true_archetypes(shop.people, shop.devices)
    identifiers = true_identifiers(
        shop.people,
        shop.devices,
        is_seen=shop.devices.index.isin(shop.events["device"]),
        has_account=tables.signed_up_times(shop) >= 0,
    )
    files["truth/users.csv"] = _to_csv(users)
    files["truth/identifiers.csv"] = _to_csv(identifiers)
    files["truth/pairs.csv"] = _to_csv(pairs)
    files["truth/counts.json"] = json.dumps(truth, indent=2).encode() + b"\n"
    return files


def _tracker_files(shop: Shop, counts: dict) -> dict[str, bytes]:
    """Make one file a month of receipt, for the web (gzip) and for the app (zstd)."""
    web, app = split_by_tracker(shop)
    wording = Wording(shop)
    files = {}
    for n, (month, events) in enumerate(_by_month(web, "received")):
        name = f"web/events_{month}.jsonl.gz"
        lines = list(web_lines(wording, events))
        counts[name] = _count_events(events)
        text = _break_lines(lines, WEB_EVENTS_THAT_BREAK[n % 4], counts[name])
        files[name] = _gzip(text.encode())
    for month, events in _by_month(app, "received"):
        name = f"app/{month}.jsonl.zst"
        counts[name] = _count_events(events)
        text = "\n".join(app_lines(wording, events)) + "\n"
        files[name] = zstd.compress(text.encode())
    return files


def _office_files(shop: Shop, counts: dict) -> dict[str, bytes]:
    """Make a file a month; each begins with the last day of the month before.

    Every third file has a line whose last columns are missing.
    """
    lines = tables.office_lines(shop)
    previous = lines[:0]
    files = {}
    for n, (month, current) in enumerate(_by_month(lines, "ordered")):
        name = f"shop/order_lines_{month}.csv"
        begins = pd.Timestamp(f"{month}-01") - OVERLAP
        is_again = previous["ordered"] >= int(begins.timestamp()) * 1000
        again = previous[is_again]
        rows = pd.concat([again, current]).drop(columns="ordered")
        make = _broken_csv if n % 3 == 0 else _csv
        files[name] = make(rows, name, counts, separator=";")
        counts[name]["n_delivered_again"] = len(again)
        previous = current
    return files


def _mail_files(shop: Shop, counts: dict) -> dict[str, bytes]:
    files = {}
    for month, mails in _by_month(tables.mail_events(shop), "at_ms"):
        name = f"newsletter/{month}.csv.gz"
        content = _csv(mails.drop(columns="at_ms"), name, counts)
        files[name] = _gzip(content)
    return files


def _by_month(frame: pd.DataFrame, column: str) -> Iterable[tuple[str, pd.DataFrame]]:
    """Part rows by the month (UTC) of a column of milliseconds, in order of time."""
    month = pd.to_datetime(frame[column], unit="ms").dt.strftime("%Y-%m")
    return frame.groupby(month, sort=True)


def _count_events(events: pd.DataFrame) -> dict[str, int]:
    """Count the lines of a file, and its events by what is odd about them."""
    is_nameless = events["device"] < 0
    month_of = {
        column: pd.to_datetime(events[column], unit="ms").dt.strftime("%Y-%m")
        for column in ("occurred", "received")
    }
    is_from_before = month_of["occurred"] != month_of["received"]
    return {
        "n_lines": len(events),
        "n_broken": 0,
        "n_blank": 0,
        "n_without_ids": int(is_nameless.sum()),
        "n_resent": int(events["is_copy"].sum()),
        "n_of_earlier_month": int(is_from_before.sum()),
    }


def _break_lines(lines: list[str], wart: str, count: dict[str, int]) -> str:
    """Add to the lines of a file one that broke on its way; no good line is lost."""
    if wart == "none" or not lines:
        return "\n".join(lines) + "\n"
    middle = len(lines) // 2
    broken, ending = lines[middle], "\n"
    if wart == "mangled":
        lines.insert(middle, broken.replace('":', '"', 3))
    elif wart == "cut short":
        lines.append(broken[: len(broken) * 2 // 3])
        ending = ""
    else:
        lines[middle:middle] = ["<html>502 Bad Gateway</html>", ""]
        count["n_blank"] += 1
    count["n_broken"] += 1
    count["n_lines"] += 1
    return "\n".join(lines) + ending


def _csv(
    frame: pd.DataFrame, name: str, counts: dict, *, separator: str = ","
) -> bytes:
    """Write a table, and count its rows (without the header)."""
    counts[name] = {"n_lines": len(frame), "n_broken": 0, "n_blank": 0}
    return _to_csv(frame, separator=separator)


def _broken_csv(
    frame: pd.DataFrame, name: str, counts: dict, *, separator: str = ","
) -> bytes:
    """Write a table with one more row: the first again, without its last columns."""
    content = _csv(frame, name, counts, separator=separator)
    first_row = content.split(b"\n")[1]
    counts[name]["n_lines"] += 1
    counts[name]["n_broken"] += 1
    return content + first_row.rsplit(separator.encode(), 5)[0] + b"\n"


def _to_csv(frame: pd.DataFrame, *, separator: str = ",") -> bytes:
    return frame.to_csv(index=False, sep=separator, lineterminator="\n").encode()


def _gzip(content: bytes) -> bytes:
    """Compress, with no time in the header: the same content gives the same bytes."""
    return gzip.compress(content, compresslevel=6, mtime=0)


def _totals(shop: Shop) -> dict:
    """Count what was planted, over all files."""
    events, orders, lines = shop.events, shop.orders, tables.office_lines(shop)
    web, app = split_by_tracker(shop)
    first = events[~events["is_copy"]]
    device_id = shop.devices["device_id"]
    is_machine = (first["device"] >= 0) & (first["visit"] < 0)
    kinds = orders["kind"].value_counts()
    names = [archetype.name for archetype in ARCHETYPES]
    archetype = shop.people["archetype"].value_counts()
    return {
        "n_people": len(shop.people),
        "n_only_anonymous": int(shop.people["is_anonymous"].sum()),
        "n_with_tied_devices": tables.n_devices_tied(shop),
        "n_of_archetype": {
            name: int(archetype.get(k, 0)) for k, name in enumerate(names)
        },
        "n_event_lines_web": len(web),
        "n_event_lines_app": len(app),
        "n_events": len(first),
        "n_resent": int(events["is_copy"].sum()),
        "n_conflicting": int(events["is_conflicting"].sum()),
        "n_late": int(first["is_late"].sum()),
        "n_without_ids": int((first["device"] < 0).sum()),
        "n_by_machines": int(is_machine.sum()),
        "machines": device_id.tail(2).tolist(),
        "n_mail_events": len(shop.mails),
        "n_orders": len(orders),
        "n_orders_online": int(kinds.get("visit", 0)),
        "n_orders_by_phone": int(kinds.get("phone", 0)),
        "n_orders_of_nobody": int(kinds.get("walk_in", 0)),
        "n_orders_cancelled": int(orders["is_cancelled"].sum()),
        "n_lines_returned": int(lines["qty"].str.startswith("-").sum()),
    }
