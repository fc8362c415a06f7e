"""What the trackers see of it: events in order, each with its time and its copies."""

import numpy as np
import pandas as pd

from sample_shop.behaviour import DAY, HOUR, SECOND, YEAR_STARTS
from sample_shop.draws import flags, hex_ids

MINUTE = 60 * SECOND
CRAWLER = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
MONITOR = "Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)"
MACHINES = pd.DataFrame(
    {
        "person": -1,
        "kind": 0,
        "device_id": ["c0ffee00-crawler", "c0ffee00-monitor"],
        "user_agent": [CRAWLER, MONITOR],
        "weight": 0.0,
    }
)
RESENT, CONFLICTING, LATE = 0.02, 0.02, 0.01  # of events; of resent ones; of events
N_NAMELESS = 20
N_CRAWLED = 400


def make_events(
    rng: np.random.Generator, visits: pd.DataFrame, views: pd.DataFrame
) -> pd.DataFrame:
    """Unroll visits into events, in order: visit, kind, product, occurred and more.

    `kind` is one of landing, page, search, product, cart, login, checkout, purchase.
    `is_identified` is False for what happened before the login of a visit.
    """
    real = visits[visits["kind"] == "visit"]
    seen = views[views["visit"].isin(real.index)]
    carted = seen[seen["is_carted"]]
    n_pages = rng.poisson(0.15, len(real))
    n_searches = rng.poisson(real["searches"])
    logins = real[real["login"] != "none"]
    login_position = np.where(
        logins["is_buying"], 1.1, rng.uniform(0.2, 0.9, len(logins))
    )
    leaves_late = real["is_abandoning"] & (rng.random(len(real)) < 0.4)
    events = pd.concat(
        [
            _at(real.index, "landing", 0.0),
            _at(real.index.repeat(n_pages), "page", rng.random(n_pages.sum())),
            _at(real.index.repeat(n_searches), "search", rng.random(n_searches.sum())),
            _at(seen["visit"], "product", seen["position"], seen["product"]),
            _at(carted["visit"], "cart", carted["position"] + 1e-6, carted["product"]),
            _at(logins.index, "login", login_position),
            _at(real.index[real["is_buying"] | leaves_late], "checkout", 1.2),
            _at(real.index[real["is_buying"]], "purchase", 1.3),
        ]
    ).sort_values(["visit", "position", "kind"], ignore_index=True)

    visit = events["visit"].to_numpy()
    is_first = np.append(True, visit[1:] != visit[:-1])
    gap = rng.exponential(38 * SECOND, len(events)).clip(SECOND, 20 * MINUTE)
    elapsed = np.where(is_first, 0, gap).astype(np.int64).cumsum()
    start = np.flatnonzero(is_first)[is_first.cumsum() - 1]
    since_start = elapsed - elapsed[start]
    events["occurred"] = real["started"].loc[visit].to_numpy() + since_start

    position_of_login = pd.Series(login_position, index=logins.index).reindex(visit)
    is_before = (events["position"] < position_of_login.to_numpy()).to_numpy()
    events["is_identified"] = real["is_identified"].loc[visit].to_numpy() & ~is_before
    events["device"] = real["device"].loc[visit].to_numpy()
    return events


def make_machine_events(
    rng: np.random.Generator, n_products: int, first_device: int, n_days: int
) -> pd.DataFrame:
    """Make events of a crawler, of a daily monitor, and of browsers without an id."""
    n_crawled = N_CRAWLED * n_days // 365
    bursts = YEAR_STARTS + rng.integers(0, n_days, 12) * DAY + 3 * HOUR
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "kind": "product",
                    "product": rng.integers(0, n_products, n_crawled),
                    "occurred": rng.choice(bursts, n_crawled)
                    + rng.integers(0, 20 * MINUTE, n_crawled),
                    "device": first_device,
                }
            ),
            pd.DataFrame(
                {
                    "kind": "page",
                    "product": -1,
                    "occurred": YEAR_STARTS + np.arange(n_days) * DAY + 12 * HOUR,
                    "device": first_device + 1,
                }
            ),
            pd.DataFrame(
                {
                    "kind": "page",
                    "product": -1,
                    "occurred": YEAR_STARTS
                    + rng.integers(0, n_days * DAY - HOUR, N_NAMELESS),
                    "device": -1,
                }
            ),
        ],
        ignore_index=True,
    ).assign(visit=-1, is_identified=False)


def send(rng: np.random.Generator, events: pd.DataFrame) -> pd.DataFrame:
    """Deliver events: some late, some twice, each with its event_id and time received.

    A copy keeps its event_id; `is_copy` marks it, `is_conflicting` one that differs.
    Rows are sorted by the time of receipt, which decides the file they are in.
    """
    events = events.assign(event_id=hex_ids(rng, len(events)), is_copy=False)
    events["is_late"] = rng.random(len(events)) < LATE
    delay = rng.exponential(3 * SECOND, len(events)) + 50
    days_late = rng.uniform(1, 25, len(events)) * DAY
    delay = np.where(events["is_late"], days_late, delay).astype(np.int64)
    events["received"] = events["occurred"] + delay

    copies = events[rng.random(len(events)) < RESENT].assign(is_copy=True)
    patience = rng.choice([MINUTE, 6 * HOUR, 9 * DAY], len(copies), p=[0.5, 0.3, 0.2])
    again = SECOND + rng.exponential(patience).astype(np.int64)
    copies["received"] += again
    events["is_conflicting"] = False
    copies["is_conflicting"] = flags(rng, np.full(len(copies), CONFLICTING)) & (
        copies["kind"] == "product"
    )
    return pd.concat([events, copies]).sort_values(
        ["received", "event_id", "is_copy"], ignore_index=True
    )


def _at(
    visit: pd.Series | pd.Index,
    kind: str,
    position: np.ndarray | pd.Series | float,
    product: pd.Series | int = -1,
) -> pd.DataFrame:
    """Make events of one kind, wherever they are in their visits."""
    return pd.DataFrame(
        {
            "visit": np.asarray(visit),
            "kind": kind,
            "position": np.asarray(position),
            "product": np.asarray(product),
        }
    )
