"""How the back office, the CRM and the rest export their tables: CSV, each its way."""

import numpy as np
import pandas as pd

from sample_shop.behaviour import DAY, YEAR_STARTS
from sample_shop.draws import hex_ids
from sample_shop.shop import Shop

OFFICE_TIMEZONE = "Europe/London"
PURPOSES = ("analytics", "personalisation", "marketing_email")
DENIED = (0.02, 0.04, 0.25)
REVOKED = 0.04
KEYED_BY_EMAIL = 0.15
ODD_EMAIL_EVERY = 40
ANSWERS = {
    True: (
        "Quick delivery, and just as described.",
        "I keep coming back; the kettle is lovely",
        'My children say "best shop ever"; who am I to argue?',
        "Good prices, friendly people on the phone.",
    ),
    False: (
        "Delivery took too long, and nobody answered.",
        "The checkout asked for my address twice; I gave up.",
        "Too dear once postage is added",
        "Looked nice on the site, less so at home. Call me on +44 7700 900001?",
    ),
}
QUESTION = "How likely are you to recommend us, and why?"


def office_lines(shop: Shop) -> pd.DataFrame:
    """Tabulate order lines as the back office has them, with its columns as text.

    Returned goods are lines of negative quantity; `ordered` (milliseconds) is kept
    for parting the lines into files.
    """
    lines = shop.order_lines.merge(shop.orders, left_on="visit", right_index=True)
    returned = lines[lines["has_return"]].drop_duplicates("visit")
    returned = returned.assign(quantity=-returned["quantity"])
    lines = pd.concat([lines, returned]).sort_values(
        ["ordered", "visit", "quantity", "product"],
        ascending=[True, True, False, True],
        ignore_index=True,
    )
    products = shop.products.loc[lines["product"]].reset_index(drop=True)
    people = shop.people.reindex(lines["person"]).reset_index(drop=True)
    # at the telephone, they note the e-mail address; a third time also the number
    is_by_phone = lines["kind"] == "phone"
    is_known_by_email = is_by_phone & (lines["visit"] % 3 > 0)
    booked = _local_times(lines["ordered"] + (lines["quantity"] < 0) * 9 * DAY)
    return pd.DataFrame(
        {
            "ordered": lines["ordered"],
            "order_no": lines["order_id"],
            "order_date": _local_times(lines["ordered"]),
            "customer_no": people["user_id"].where(~is_known_by_email).fillna(""),
            "customer_email": people["email"].where(is_by_phone).fillna(""),
            "article": products["product_id"],
            "description": products["product_name"],
            "department": products["category"],
            "qty": lines["quantity"].astype(str),
            "unit_price": lines["unit_price"].map("{:.2f}".format),
            "currency": "GBP",
            "ship_to": lines["country"],
            "status": np.where(lines["is_cancelled"], "cancelled", "shipped"),
            "sold_by": lines["kind"].replace({"visit": "online", "walk_in": "counter"}),
            "booked_at": booked,
        }
    )


def crm_users(shop: Shop) -> pd.DataFrame:
    """Tabulate the accounts; some addresses are in odd letter case."""
    people = shop.people.assign(signed_up=signed_up_times(shop))
    people = people[people["signed_up"] >= 0].sort_values("user_id")
    is_odd = np.arange(len(people)) % ODD_EMAIL_EVERY == 3
    email = people["email"].where(~is_odd, " " + people["email"].str.title())
    return pd.DataFrame(
        {
            "user_id": people["user_id"],
            "email": email,
            "phone": people["phone"],
            "first_name": people["first_name"],
            "last_name": people["last_name"],
            "birth_date": people["birth_date"],
            "gender": people["gender"],
            "city": people["city"],
            "country": people["country"],
            "signed_up_at": _times(people["signed_up"]),
            "plan": people["plan"],
            "interest": people["interest"],
        }
    )


def consents(shop: Shop) -> pd.DataFrame:
    """Tabulate decisions on each purpose; some are revoked, some keyed by e-mail."""
    rng = shop.rng
    signed_up = signed_up_times(shop)
    person = np.flatnonzero(signed_up >= 0)
    rows = []
    for purpose, denied in zip(PURPOSES, DENIED, strict=True):
        is_denied = rng.random(len(person)) < denied
        given = pd.DataFrame({"person": person, "purpose": purpose})
        given["decision"] = np.where(is_denied, "denied", "granted")
        given["decided"] = signed_up[person] + 5_000
        is_revoked = ~is_denied & (rng.random(len(person)) < REVOKED)
        revoked = given[is_revoked].assign(decision="denied")
        earliest = revoked["decided"].clip(lower=YEAR_STARTS)
        share = rng.random(len(revoked))
        latest = shop.events["occurred"].max()
        revoked["decided"] = (earliest + share * (latest - earliest)).astype(np.int64)
        rows += [given, revoked]
    table = pd.concat(rows).sort_values(["decided", "person", "purpose"])
    people = shop.people.loc[table["person"]].reset_index(drop=True)
    by_email = rng.random(len(table)) < KEYED_BY_EMAIL
    return pd.DataFrame(
        {
            "customer": people["user_id"].where(~by_email, ""),
            "email": people["email"].where(by_email, ""),
            "purpose": table["purpose"].to_numpy(),
            "decision": table["decision"].to_numpy(),
            "decided_at": _times(table["decided"]).to_numpy(),
            "policy": np.where(table["decided"] < YEAR_STARTS, "2024-03", "2025-01"),
            "where_asked": np.where(by_email, "newsletter", "account"),
        }
    )


def surveys(shop: Shop) -> pd.DataFrame:
    """Tabulate what buyers answered a day after an order, in their own words."""
    rng = shop.rng
    known = shop.orders[(shop.orders["person"] >= 0) & ~shop.orders["is_cancelled"]]
    asked = known[rng.random(len(known)) < 0.06]
    asked = asked[asked["ordered"] < shop.events["occurred"].max() - 2 * DAY]
    people = shop.people.loc[asked["person"]].reset_index(drop=True)
    is_content = people["is_content"].to_numpy()
    rating = np.where(
        is_content, rng.integers(8, 11, len(asked)), rng.integers(1, 7, len(asked))
    )
    wording = rng.integers(0, 4, len(asked))
    by_email = rng.random(len(asked)) < 0.5
    answered = asked["ordered"] + DAY + rng.integers(0, DAY // 2, len(asked))
    return pd.DataFrame(
        {
            "response": hex_ids(rng, len(asked), n_bytes=5),
            "customer": people["user_id"].where(~by_email, ""),
            "email": people["email"].where(by_email, ""),
            "question": QUESTION,
            "answer": [
                ANSWERS[bool(happy)][which]
                for happy, which in zip(is_content, wording, strict=True)
            ],
            "score": rating.astype(str),
            "answered_at": _times(answered).to_numpy(),
        }
    )


def mail_events(shop: Shop) -> pd.DataFrame:
    """Tabulate openings of the newsletter and clicks in it."""
    mails = shop.mails
    return pd.DataFrame(
        {
            "at_ms": mails["at"],
            "id": mails["mail_id"],
            "contact": shop.people["user_id"].loc[mails["person"]].to_numpy(),
            "action": mails["action"],
            "mailing": [f"weekly-{issue + 1:02d}" for issue in mails["issue"]],
            "at": _times(mails["at"]),
        }
    )


def signed_up_times(shop: Shop) -> np.ndarray:
    """Tell when each person made an account (milliseconds), -1 for those who did not.

    It is the first login of those who came new, and some day of 2024 for the others.
    """
    people = shop.people
    visits = shop.visits[shop.visits["login"] != "none"]
    signed = shop.events[(shop.events["kind"] == "login") & ~shop.events["is_copy"]]
    at = signed.set_index("visit")["occurred"].reindex(visits.index)
    first_login = at.groupby(visits["person"]).min().reindex(people.index)
    year_before = YEAR_STARTS - (1 + (people.index.to_numpy() * 37) % 300) * DAY
    times = np.where(people["joined_earlier"], year_before, first_login.fillna(-1))
    return np.where(people["is_anonymous"], -1, times).astype(np.int64)


def n_devices_tied(shop: Shop) -> int:
    """Count people whom a login ties to two devices or more."""
    logins = shop.visits[shop.visits["login"] != "none"]
    n_devices = logins.drop_duplicates(["person", "device"])["person"].value_counts()
    return int((n_devices > 1).sum())


def _times(milliseconds: pd.Series) -> pd.Series:
    return pd.to_datetime(milliseconds, unit="ms").dt.strftime("%Y-%m-%d %H:%M:%S")


def _local_times(milliseconds: pd.Series) -> pd.Series:
    times = pd.to_datetime(milliseconds, unit="ms", utc=True)
    return times.dt.tz_convert(OFFICE_TIMEZONE).dt.strftime("%Y-%m-%d %H:%M:%S")
