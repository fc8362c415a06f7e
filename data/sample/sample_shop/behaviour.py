"""What people do: visits, what they look at, carts, orders, newsletters.

Times are milliseconds since 1970, in UTC. Frames refer to each other by row number:
`person`, `device`, `visit` and `product` are rows of those frames, -1 is none.
"""

import numpy as np
import pandas as pd

from sample_shop.archetypes import ARCHETYPES, CHANNELS, category_weights, trait
from sample_shop.catalog import Shelves
from sample_shop.draws import choose, flags, hex_ids

YEAR_STARTS = int(pd.Timestamp("2025-01-01").timestamp()) * 1000
FIRST_WEEKDAY = 2  # 2025 begins on a Wednesday
SECOND = 1000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
WALK_INS_PER_PERSON = 0.1
OF_TWO_MINDS = 0.08  # share of people of whose visits half are like another archetype's
CONTENTED_BUYER = 1  # walk-in baskets look like those of this archetype's row


def make_visits(
    rng: np.random.Generator,
    people: pd.DataFrame,
    devices: pd.DataFrame,
    n_days: int,
) -> pd.DataFrame:
    """Make visits in order of time, and orders by telephone and over the counter.

    Columns: person, archetype, device, kind (visit, phone, walk_in), channel,
    category (the favourite), started, searches (expected), is_buying, is_abandoning,
    has_coupon, is_identified, login (none, sign_in or sign_up, somewhere midway).
    """
    visits = pd.concat(
        [
            _plan_visits(rng, people, n_days),
            _plan_phone_orders(rng, people, n_days),
            _plan_walk_ins(rng, len(people), n_days),
        ],
        ignore_index=True,
    )
    archetype = visits["archetype"].to_numpy()
    is_visit = (visits["kind"] == "visit").to_numpy()
    visits["started"] = _start_times(rng, visits, n_days)
    channel = choose(rng, trait("channels")[archetype])
    visits["channel"] = np.array(CHANNELS, dtype=object)[channel]
    favourite = people["favourite"].to_numpy()[visits["person"]]
    anything = choose(rng, category_weights()[archetype])
    is_known = visits["person"].to_numpy() >= 0
    visits["category"] = np.where(is_known, favourite, anything)
    visits["is_abandoning"] = (
        flags(rng, trait("abandons")[archetype]) & is_visit & ~visits["is_buying"]
    )
    visits["searches"] = trait("searches")[archetype]
    visits["has_coupon"] = flags(rng, trait("has_coupon")[archetype])
    visits["device"] = _choose_devices(rng, visits, devices)
    visits = visits.sort_values(["started", "person"], ignore_index=True)
    return visits.join(_plan_logins(rng, visits, people))


def browse(
    rng: np.random.Generator, visits: pd.DataFrame, products: pd.DataFrame
) -> pd.DataFrame:
    """Draw what is looked at: visit, product, position (0 to 1 in it), is_carted.

    Of the products of a cart, a planted antecedent brings its consequent along.
    """
    archetype = visits["archetype"].to_numpy()
    size = rng.poisson(trait("basket")[archetype] - 1) + 1
    has_cart = (visits["is_buying"] | visits["is_abandoning"]).to_numpy()
    n_carted = np.where(has_cart, size, 0)
    seen = rng.gamma(4.0, trait("views")[archetype] / 4.0).astype(int)
    n_views = np.maximum(seen, n_carted)

    visit = np.repeat(np.arange(len(visits)), n_views)
    rank = np.arange(len(visit)) - np.repeat(n_views.cumsum() - n_views, n_views)
    is_favourite = rng.random(len(visit)) < 0.45
    other = choose(rng, category_weights()[archetype[visit]])
    category = np.where(is_favourite, visits["category"].to_numpy()[visit], other)
    views = pd.DataFrame(
        {
            "visit": visit,
            "product": Shelves(products).draw(rng, archetype[visit], category),
            "position": rng.uniform(0.02, 0.97, len(visit)),
            "is_carted": rank < n_carted[visit],
        }
    )
    companion = products["companion"].to_numpy()[views["product"]]
    confidence = products["confidence"].to_numpy()[views["product"]]
    brings = views["is_carted"].to_numpy() & flags(rng, confidence)
    brought = views[brings].assign(product=companion[brings], position=0.98)
    views = pd.concat([views, brought], ignore_index=True)
    repeated = views.duplicated(["visit", "product", "is_carted"])
    views["is_carted"] &= ~repeated
    return views


def make_orders(
    rng: np.random.Generator, visits: pd.DataFrame, people: pd.DataFrame
) -> pd.DataFrame:
    """Make the orders of buying visits in order of time, indexed by visit.

    Columns: order_id, person, archetype, kind, country, ordered (the start; an order
    of the web is given the time of its purchase event later), is_cancelled,
    has_return, has_coupon.
    """
    orders = visits.loc[
        visits["is_buying"],
        ["person", "archetype", "kind", "device", "started", "has_coupon"],
    ].rename(columns={"started": "ordered"})
    country = people["country"].to_numpy()[orders["person"]]
    orders["country"] = np.where(orders["person"] >= 0, country, "GB")
    orders["order_id"] = [f"SO-{500_000 + k}" for k in range(len(orders))]
    fate = rng.random(len(orders))
    orders["is_cancelled"] = fate < 0.03
    orders["has_return"] = fate > 0.95
    return orders


def make_order_lines(
    rng: np.random.Generator,
    orders: pd.DataFrame,
    views: pd.DataFrame,
    products: pd.DataFrame,
) -> pd.DataFrame:
    """Make one line per carted product: visit, product, quantity, unit_price."""
    is_bought = views["is_carted"] & views["visit"].isin(orders.index)
    lines = views.loc[is_bought, ["visit", "product"]].sort_values(
        ["visit", "product"], ignore_index=True
    )
    price = products["price"].to_numpy()[lines["product"]]
    rebate = np.where(orders["has_coupon"].loc[lines["visit"]], 0.75, 1.0)
    lines["unit_price"] = (price * rebate).round(2)
    lines["quantity"] = 1 + (rng.random(len(lines)) < 0.12).astype(int)
    return lines


def make_mails(
    rng: np.random.Generator,
    people: pd.DataFrame,
    visits: pd.DataFrame,
    n_days: int,
) -> pd.DataFrame:
    """Make openings of the weekly newsletter and clicks in it: person, action, at."""
    known = visits[(visits["kind"] == "visit") & visits["is_identified"]]
    stays = known.groupby("person")["started"].agg(["min", "max"])
    person = stays.index.to_numpy()
    sent = np.arange(6, n_days, 7) * DAY + YEAR_STARTS + 8 * HOUR  # Tuesdays
    probability = trait("reads_mail")[people["archetype"].to_numpy()[person]]
    is_opened = rng.random((len(person), len(sent))) < probability[:, None]
    is_opened &= sent >= stays["min"].to_numpy()[:, None]
    is_opened &= sent <= stays["max"].to_numpy()[:, None]
    row, issue = np.nonzero(is_opened)
    delay = rng.exponential(5 * HOUR, len(row)).clip(SECOND, 13 * HOUR).astype(np.int64)
    opened = pd.DataFrame(
        {"person": person[row], "issue": issue, "action": "open"}
    ).assign(at=sent[issue] + delay)
    clicked = opened[rng.random(len(opened)) < 0.25].assign(action="click")
    clicked["at"] += rng.integers(5 * SECOND, 120 * SECOND, len(clicked))
    mails = pd.concat([opened, clicked]).sort_values(["at", "person", "action"])
    return mails.assign(mail_id=hex_ids(rng, len(mails))).reset_index(drop=True)


def _plan_visits(
    rng: np.random.Generator, people: pd.DataFrame, n_days: int
) -> pd.DataFrame:
    """Decide how often each person comes, on which days, and when they buy."""
    archetype = people["archetype"].to_numpy()
    first = _between(rng, trait("first_visit")[archetype])
    last = np.minimum(first + _between(rng, trait("span")[archetype]), 1.0)
    months = (last - first) * n_days / 30.4
    keen = rng.lognormal(-0.03, 0.25, len(people))
    pace = trait("visits_per_month")[archetype] * keen
    fewest = trait("min_visits")[archetype]
    n_visits = np.maximum(rng.poisson(pace * months), fewest)

    person = np.repeat(np.arange(len(people)), n_visits)
    nth = np.arange(len(person)) - np.repeat(n_visits.cumsum() - n_visits, n_visits)
    # spread out, one in each equal part of the stay: people have their rhythm
    share = (nth + rng.random(len(person))) / n_visits[person]
    when = first[person] + share * (last - first)[person]
    resolve = rng.normal(1.0, 0.12, len(people)).clip(0.6, 1.4)
    is_member = ~people["is_anonymous"].to_numpy()
    mood = _moods(rng, archetype, person)
    buys = trait("buys")[mood] * (resolve * is_member)[person]
    buys_once = trait("buys_once")[archetype]
    is_buying = flags(rng, buys) | ((nth == 0) & buys_once[person])
    return pd.DataFrame(
        {
            "person": person,
            "archetype": mood,
            "kind": "visit",
            "day": (when * n_days).astype(int),
            "is_buying": is_buying,
        }
    )


def _moods(
    rng: np.random.Generator, archetype: np.ndarray, person: np.ndarray
) -> np.ndarray:
    """Say like which archetype each visit goes: with a few people, it wavers."""
    other = rng.integers(0, len(ARCHETYPES), len(archetype))
    is_wavering = rng.random(len(archetype)) < OF_TWO_MINDS
    is_other = is_wavering[person] & (rng.random(len(person)) < 0.5)
    return np.where(is_other, other[person], archetype[person])


def _plan_phone_orders(
    rng: np.random.Generator, people: pd.DataFrame, n_days: int
) -> pd.DataFrame:
    """Let some people order by telephone, within the days when they are customers."""
    archetype = people["archetype"].to_numpy()
    person = np.repeat(np.arange(len(people)), rng.poisson(trait("phones")[archetype]))
    low = trait("first_visit")[archetype[person], 1]
    high = np.minimum(low + trait("span")[archetype[person], 0], 1.0)
    when = low + rng.random(len(person)) * (high - low)
    return pd.DataFrame(
        {
            "person": person,
            "archetype": archetype[person],
            "kind": "phone",
            "day": (when * n_days).astype(int),
            "is_buying": True,
        }
    )


def _plan_walk_ins(rng: np.random.Generator, n_users: int, n_days: int) -> pd.DataFrame:
    """Sell some baskets over the counter, to nobody known."""
    n = int(n_users * WALK_INS_PER_PERSON)
    return pd.DataFrame(
        {
            "person": -1,
            "archetype": CONTENTED_BUYER,
            "kind": "walk_in",
            "day": rng.integers(0, n_days, n),
            "is_buying": True,
        }
    )


def _start_times(
    rng: np.random.Generator, visits: pd.DataFrame, n_days: int
) -> np.ndarray:
    """Move days to weekends or weekdays, and choose an hour, as the archetype does."""
    archetype = visits["archetype"].to_numpy()
    day = visits["day"].to_numpy()
    weekday = (day + FIRST_WEEKDAY) % 7
    to_weekend = flags(rng, trait("weekend")[archetype])
    target = np.where(
        to_weekend,
        rng.integers(5, 7, len(day)),
        np.where(weekday < 5, weekday, rng.integers(0, 5, len(day))),
    )
    day = (day - weekday + target).clip(0, n_days - 1)
    daypart = choose(rng, trait("dayparts")[archetype])
    hour = 6 * daypart + 6 * rng.random(len(day))
    # visits on the last evening end before the year does
    latest = (n_days * 24 - 3) * HOUR + rng.integers(0, HOUR, len(day))
    return YEAR_STARTS + np.minimum(day * DAY + (hour * HOUR).astype(np.int64), latest)


def _choose_devices(
    rng: np.random.Generator, visits: pd.DataFrame, devices: pd.DataFrame
) -> np.ndarray:
    """Choose one of the person's devices for every visit; -1 where there is none."""
    n_people = int(visits["person"].max()) + 1
    weights = np.zeros((n_people, 3))
    weights[devices["person"], devices["kind"]] = devices["weight"]
    device_of = np.full((n_people, 3), -1)
    device_of[devices["person"], devices["kind"]] = devices.index
    person = visits["person"].to_numpy()
    chosen = device_of[person, choose(rng, weights[person])]
    return np.where(visits["kind"] == "visit", chosen, -1)


def _plan_logins(
    rng: np.random.Generator, visits: pd.DataFrame, people: pd.DataFrame
) -> pd.DataFrame:
    """Decide at which visit each device learns who holds it.

    A device is anonymous for some visits at first; the visit of its login is so until
    midway; later ones mostly carry the user_id. Nobody buys without having logged in.
    """
    is_visit = (visits["kind"] == "visit").to_numpy()
    device = visits["device"].where(is_visit, -1 - visits.index)
    nth = visits.groupby(device).cumcount()
    n_visits = visits.groupby(device)["person"].transform("size")
    first_purchase = nth.where(visits["is_buying"]).groupby(device).transform("min")
    patience = rng.geometric(0.55, int(visits["device"].max()) + 1) - 1
    login_at = np.minimum(patience[visits["device"]], n_visits - 1)
    login_at = np.fmin(login_at, first_purchase.fillna(np.inf)).astype(int)

    is_member = is_visit & ~people["is_anonymous"].to_numpy()[visits["person"]]
    logs_in = (nth == login_at).to_numpy() & is_member
    stays_logged_in = rng.random(len(visits)) < 0.85
    later = (nth > login_at).to_numpy() & is_member
    is_identified = later & (stays_logged_in | visits["is_buying"].to_numpy())
    nth_login = pd.Series(logs_in).groupby(visits["person"]).cumsum()
    is_new = ~people["joined_earlier"].to_numpy()[visits["person"]]
    signs_up = logs_in & (nth_login == 1).to_numpy() & is_new
    login = np.select([signs_up, logs_in], ["sign_up", "sign_in"], "none")
    return pd.DataFrame({"is_identified": is_identified | logs_in, "login": login})


def _between(rng: np.random.Generator, bounds: np.ndarray) -> np.ndarray:
    return bounds[:, 0] + rng.random(len(bounds)) * (bounds[:, 1] - bounds[:, 0])
