"""The sample is the same for the same seed, and its truth is what its files hold."""

import csv
import gzip
import importlib.util
import io
import json
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
import yaml
from backports import zstd

from warehouse.contacts import normalize_email, normalize_phone
from warehouse.sources import read_source

GENERATOR = Path(__file__).parents[2] / "data" / "sample" / "generate.py"
SOURCES = sorted(path.parent.name for path in GENERATOR.parent.glob("sources/*/*.yml"))
N_USERS = 150


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_sample", GENERATOR)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def sample(generator, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    generator.write_sample(folder, n_users=N_USERS)
    return folder


@pytest.fixture(scope="module")
def counts(sample: Path) -> dict:
    return json.loads((sample / "truth" / "counts.json").read_text())


@pytest.fixture(scope="module")
def identifiers(sample: Path) -> pd.DataFrame:
    """Give the truth about identifiers by type; of nobody is an empty user_id."""
    path = sample / "truth" / "identifiers.csv"
    return pd.read_csv(path, dtype=str, keep_default_na=False, index_col=0)


@pytest.fixture(scope="module")
def texts(sample: Path) -> dict[str, str]:
    """Give the text of every dump, by its path below the inbox."""
    inbox = sample / "inbox"
    return {
        str(path.relative_to(inbox)): unpacked(path).decode()
        for path in sorted(inbox.rglob("*"))
        if path.is_file() and path.name != "source.yml"
    }


@pytest.fixture(scope="module")
def web(texts) -> pd.DataFrame:
    """Give the events of the web that can be read, one a row."""
    lines = [
        {
            "file": name,
            "event_id": event["messageId"],
            "event": event["event"],
            "user_id": event["user"]["id"],
            "device": event["anonymousId"],
            "agent": event["context"].get("userAgent", ""),
            "at": event["timestamp"],
            "received": event["receivedAt"],
            "order_id": event["properties"].get("order_id"),
            "price": event["properties"].get("price"),
        }
        for name, text in texts.items()
        if name.startswith("web/")
        for event in map(parsed, text.splitlines())
        if event
    ]
    return pd.DataFrame(lines)


@pytest.fixture(scope="module")
def order_lines(texts) -> pd.DataFrame:
    """Give the order lines, each once, without the ones cut short."""
    return (
        pd.concat(
            pd.read_csv(io.StringIO(text), sep=";", dtype=str, keep_default_na=False)
            for name, text in texts.items()
            if name.startswith("shop/")
        )
        .loc[lambda lines: lines["booked_at"] != ""]
        .drop_duplicates()
    )


def unpacked(path: Path) -> bytes:
    unpack = {".gz": gzip.decompress, ".zst": zstd.decompress}
    return unpack.get(path.suffix, bytes)(path.read_bytes())


def parsed(line: str) -> dict | None:
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return None


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_the_same_seed_gives_the_same_bytes(generator, tmp_path: Path):
    for name in ("one", "two"):
        generator.write_sample(tmp_path / name, n_users=40, seed=3, n_days=60)

    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_packed_files_carry_no_time(sample: Path):
    packed = sorted((sample / "inbox").rglob("*.gz"))

    assert {path.read_bytes()[4:8] for path in packed} == {bytes(4)}


def test_another_seed_gives_another_shop_of_the_same_products(
    generator, tmp_path: Path
):
    for seed in (3, 4):
        generator.write_sample(tmp_path / str(seed), n_users=40, seed=seed, n_days=60)
    one, other = contents(tmp_path / "3"), contents(tmp_path / "4")

    assert one["inbox/crm/users.csv"] != other["inbox/crm/users.csv"]
    assert one["truth/users.csv"] != other["truth/users.csv"]
    assert one["truth/pairs.csv"] == other["truth/pairs.csv"]


@pytest.mark.parametrize(
    ("n_users", "n_days", "complaint"),
    [(19, 365, "19 users"), (20, 30, "30 days"), (20, 366, "366 days")],
)
def test_a_sample_that_cannot_be_made_is_refused(
    generator, tmp_path: Path, n_users: int, n_days: int, complaint: str
):
    with pytest.raises(ValueError, match=complaint):
        generator.write_sample(tmp_path, n_users=n_users, n_days=n_days)

    assert not list(tmp_path.iterdir())


def test_every_line_of_every_file_is_accounted_for(texts, counts):
    for name, text in texts.items():
        count = counts["files"][name]
        lines = text.split("\n")[:-1] if text.endswith("\n") else text.split("\n")
        blank = [line for line in lines if not line.strip()]
        n_headers = int(".csv" in name)

        assert len(blank) == count["n_blank"], name
        assert len(lines) - len(blank) - n_headers == count["n_lines"], name


def test_as_many_lines_are_broken_as_the_truth_says(texts, counts):
    for name, text in texts.items():
        lines = [line for line in text.split("\n") if line.strip()]
        if ".csv" in name:
            separator = ";" if name.startswith("shop/") else ","
            rows = list(csv.reader(lines, delimiter=separator))
            n_broken = sum(len(row) != len(rows[0]) for row in rows)
        else:
            n_broken = sum(parsed(line) is None for line in lines)

        assert n_broken == counts["files"][name]["n_broken"], name
    broken = {name for name in texts if counts["files"][name]["n_broken"]}
    assert {name.split("/")[0] for name in broken} == {"web", "shop", "crm"}


def test_a_file_ends_in_the_middle_of_a_line(texts):
    assert any(not text.endswith("\n") for text in texts.values())


def test_resent_events_keep_their_id_and_come_later_in_other_files_too(web, counts):
    by_receipt = web.sort_values("received", kind="stable")
    copies = by_receipt[by_receipt.duplicated("event_id")]
    firsts = by_receipt.drop_duplicates("event_id").set_index("event_id")
    first = firsts.loc[copies["event_id"]].set_axis(copies.index)
    n_resent = sum(
        count["n_resent"]
        for name, count in counts["files"].items()
        if name.startswith("web/")
    )

    assert len(copies) == n_resent > 0
    assert (copies["received"] > first["received"]).all()
    assert (copies["at"] == first["at"]).all()
    assert (copies["file"] != first["file"]).any()


def test_late_events_lie_in_the_file_of_the_month_that_received_them(web):
    file_month = web["file"].str.extract(r"(\d{4}-\d\d)")[0]
    at = pd.to_datetime(web["at"], format="ISO8601", utc=True)

    assert (pd.to_datetime(web["received"]) > at).all()
    assert (web["received"].str[:7] == file_month).all()
    assert (web["at"].str[:7] < file_month).sum() > 5


def test_times_come_with_offsets_and_without(web):
    endings = Counter(
        re.sub(r"^.{23}", "", text) for text in web["at"].drop_duplicates()
    )

    assert set(endings) == {"Z", "+01:00", "-05:00", ""}


def test_everything_happens_in_2025(web, order_lines, texts):
    at = pd.to_datetime(web["at"], format="ISO8601", utc=True)

    assert at.min() >= pd.Timestamp("2025-01-01", tz="UTC")
    assert at.max() < pd.Timestamp("2026-01-01", tz="UTC")
    assert at.max() >= pd.Timestamp("2025-12-31", tz="UTC")
    assert order_lines["order_date"].str.startswith("2025-").all()


def test_the_archetypes_have_their_shares(sample: Path, counts):
    truth = pd.read_csv(sample / "truth" / "users.csv")
    shares = truth["archetype"].value_counts() / N_USERS

    assert truth["user_id"].is_unique
    assert len(truth) == N_USERS
    assert shares["window_shoppers"] == pytest.approx(0.20, abs=0.01)
    assert shares["champions"] == pytest.approx(0.08, abs=0.01)
    assert (
        truth["archetype"].value_counts().to_dict()
        == (counts["totals"]["n_of_archetype"])
    )


def test_people_are_known_by_the_id_that_must_be_published(sample: Path, web, texts):
    truth = pd.read_csv(sample / "truth" / "users.csv")
    accounts = set(re.findall(r"^(U\d+),", texts["crm/users.csv"], re.MULTILINE))
    anonymous = set(truth["user_id"]) - accounts

    assert accounts < set(truth["user_id"])
    assert anonymous
    assert web.loc[web["device"].isin(anonymous), "user_id"].isna().all()
    assert anonymous <= set(web["device"])


def test_a_login_ties_every_device_of_a_member_to_one_person(sample: Path, web, counts):
    truth = pd.read_csv(sample / "truth" / "users.csv")
    seen = web[~web["device"].isin(["", *counts["totals"]["machines"]])]
    logged_in = seen[seen["user_id"].notna()]
    pairs = logged_in.drop_duplicates(["user_id", "device"])
    before_login = seen["user_id"].isna() & seen["device"].isin(pairs["device"])

    assert pairs["device"].is_unique
    assert pairs["user_id"].duplicated().any()
    assert set(seen["device"]) - set(pairs["device"]) <= set(truth["user_id"])
    assert before_login.sum() > 100


def test_every_device_is_in_the_truth_with_whom_its_events_name(
    identifiers, web, texts, counts
):
    lines = "".join(text for name, text in texts.items() if name.startswith("app/"))
    app = pd.DataFrame(map(json.loads, lines.splitlines()))
    app = app.rename(columns={"did": "device", "uid": "user_id"})
    seen = pd.concat([web, app])[["device", "user_id"]].replace("", None)
    named = seen.dropna().drop_duplicates().set_index("device")["user_id"]
    planted = identifiers.loc["anonymous_id"].set_index("identifier")["user_id"]
    others = planted.drop(named.index)
    machines = counts["totals"]["machines"]

    assert planted.index.is_unique
    assert set(planted.index) == set(seen["device"].dropna())
    assert (planted[named.index] == named).all()
    assert (others[machines] == "").all()
    assert (others.drop(machines) == others.drop(machines).index).all()


def test_every_account_is_in_the_truth_with_its_address_and_number(identifiers, texts):
    rows = csv.DictReader(io.StringIO(texts["crm/users.csv"]))
    accounts = [row for row in rows if row["plan"]]  # one line is cut short
    normalize = {"user_id": str, "email": normalize_email, "phone": normalize_phone}

    for kind, in_normal_form in normalize.items():
        known = [(in_normal_form(row[kind]), row["user_id"]) for row in accounts]
        planted = identifiers.loc[kind].itertuples(index=False, name=None)
        assert sorted(planted) == sorted(pair for pair in known if pair[0])


def test_machines_say_what_they_are(web, counts):
    machines = web[web["device"].isin(counts["totals"]["machines"])]

    assert machines["agent"].str.contains("Googlebot|UptimeRobot").all()
    assert machines["event_id"].nunique() == counts["totals"]["n_by_machines"]


def test_orders_of_the_web_are_in_the_back_office_and_some_only_there(
    web, order_lines, counts
):
    totals = counts["totals"]
    online = order_lines.loc[order_lines["sold_by"] == "online", "order_no"]

    assert set(web["order_id"].dropna()) <= set(online)
    assert order_lines["order_no"].nunique() == totals["n_orders"]
    assert online.nunique() == totals["n_orders_online"]
    assert totals["n_orders_by_phone"] > 0
    nobody = order_lines[order_lines["sold_by"] == "counter"]
    assert (nobody["customer_no"] + nobody["customer_email"] == "").all()


def test_returns_are_negative_and_cancelled_orders_marked(order_lines, counts):
    totals = counts["totals"]
    cancelled = order_lines.loc[order_lines["status"] == "cancelled", "order_no"]

    n_returned = order_lines["qty"].str.startswith("-").sum()
    assert n_returned == totals["n_lines_returned"] > 0
    assert cancelled.nunique() == totals["n_orders_cancelled"] > 0


def test_files_of_the_back_office_begin_with_the_last_day_of_the_month_before(
    texts, counts
):
    names = sorted(name for name in texts if name.startswith("shop/"))
    again: list[str] = []
    for earlier, later in pairwise(names):
        shared = set(texts[earlier].split("\n")[1:-1]) & set(texts[later].split("\n"))
        assert len(shared) == counts["files"][later]["n_delivered_again"], later
        again += shared

    assert again
    assert all(re.search(r";2025-\d\d-(28|30|31) ", line) for line in again)


def test_the_planted_pairs_are_bought_together_as_often_as_planted(
    generator, tmp_path: Path
):
    generator.write_sample(tmp_path, n_users=600)
    pairs = pd.read_csv(tmp_path / "truth" / "pairs.csv")
    lines = pd.concat(
        pd.read_csv(path, sep=";")
        for path in sorted((tmp_path / "inbox" / "shop").glob("*.csv"))
    )
    baskets = lines[lines["qty"] > 0].groupby("order_no")["article"].agg(set)

    for antecedent, consequent, confidence in pairs.itertuples(index=False):
        holds = baskets.map(lambda basket, item=antecedent: item in basket)
        both = holds & baskets.map(lambda basket, item=consequent: item in basket)
        lift = (both.sum() / holds.sum()) / baskets.map(
            lambda basket, item=consequent: item in basket
        ).mean()
        assert both.mean() > 0.005
        assert both.sum() / holds.sum() == pytest.approx(confidence, abs=0.15)
        assert lift > 10


def test_addresses_and_numbers_are_nobodys(texts):
    text = "\n".join(texts.values())
    domains = set(re.findall(r"[\w.]+@([\w.]+)", text))
    numbers = set(re.findall(r"\+\d[\d ]{9,}", texts["crm/users.csv"]))

    assert {domain.lower() for domain in domains} <= {
        "example.com",
        "example.org",
        "example.net",
    }
    assert numbers
    assert all(
        re.fullmatch(r"\+44(7700900|2079460|1\d\d4960)\d{3}", number)
        for number in numbers
    )


def test_some_consents_and_surveys_are_keyed_by_email_alone(texts):
    for name in ("consents/consents.csv", "surveys/after_order.csv"):
        table = pd.read_csv(io.StringIO(texts[name]))

        assert (table["customer"].isna() ^ table["email"].isna()).all()
        assert table["customer"].isna().any()
        assert table["email"].isna().any()


def test_the_sources_are_the_folders_of_the_inbox(sample: Path):
    assert sorted(path.name for path in (sample / "inbox").iterdir()) == SOURCES


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_yml_is_understood(sample: Path, source: str):
    assert read_source(sample / "inbox" / source).name == source


@pytest.mark.parametrize("source", SOURCES)
def test_every_column_that_a_source_yml_names_is_in_its_files(
    sample: Path, texts, source: str
):
    config = yaml.safe_load((sample / "inbox" / source / "source.yml").read_text())
    rules = [
        {"column": rule} if isinstance(rule, str) else rule
        for rule in config["columns"].values()
    ]
    named = {rule["column"] for rule in rules if "column" in rule}
    named |= set(config.get("publish_attributes", []))
    there: set[str] = set()
    for name, text in texts.items():
        if name.startswith(f"{source}/") and ".csv" in name:
            there |= set(re.split("[,;]", text.split("\n", 1)[0]))
        elif name.startswith(f"{source}/"):
            for event in filter(None, map(parsed, text.splitlines())):
                there |= set(paths(event))

    assert named <= there


def paths(value: dict, above: str = "") -> list[str]:
    """List the dotted paths of a nested object."""
    found = []
    for key, inner in value.items():
        path = f"{above}{key}"
        found.append(path)
        if isinstance(inner, dict):
            found += paths(inner, f"{path}.")
    return found


@pytest.mark.parametrize("source", ["web", "app", "newsletter"])
def test_values_that_are_renamed_are_the_ones_sent(sample: Path, texts, source: str):
    config = yaml.safe_load((sample / "inbox" / source / "source.yml").read_text())
    rule = config["columns"]["event_name"]
    sent: set[str] = set()
    for name, text in texts.items():
        if name.startswith(f"{source}/") and ".csv" in name:
            sent |= {row[rule["column"]] for row in csv.DictReader(io.StringIO(text))}
        elif name.startswith(f"{source}/"):
            events = filter(None, map(parsed, text.splitlines()))
            sent |= {event[rule["column"]] for event in events}

    assert sent == set(rule["values"])
