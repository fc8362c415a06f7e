"""How often the gates of volume stop a day that is as it should be.

Days of the reference data, where it is there, and of made-up sources, each judged by
the rule of `warehouse.gates.volumes`.
"""

import statistics
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np

from warehouse.gates.check import limit_of
from warehouse.gates.volumes import LEAST_WEEKS, _share_missing, _times_usual

REFERENCE = Path(__file__).parents[2].parent / "shared" / "data"
KNOWN = {
    "Online Retail": "select InvoiceDate::date, count(*) "
    "from '{}/online_retail/online_retail.parquet' group by 1",
    "clickstream": "select timestamp::date, count(*) "
    "from read_csv('{}/clickstream/ecom.csv.gz') group by 1",
    "CDNOW": "select order_date::date, count(*) "
    "from read_csv('{}/cdnow/orders.csv') group by 1",
}
REVENUE = {
    "revenue of Online Retail": "select InvoiceDate::date, "
    "ceil(sum(Quantity * UnitPrice) filter (Quantity * UnitPrice > 0))::bigint "
    "from '{}/online_retail/online_retail.parquet' group by 1",
    "revenue of CDNOW": "select order_date::date, ceil(sum(amount))::bigint "
    "from read_csv('{}/cdnow/orders.csv') group by 1",
}
N_SOURCES, N_DAYS = 100, 180


def judge(
    counts: dict[date, int], measured: str = "volume"
) -> tuple[int, int, int, int]:
    """Count the days that are judged, and those that drop, spike or are missing."""
    drop, spike = limit_of(f"{measured}_drop"), limit_of(f"{measured}_spike")
    found = [0, 0, 0, 0]
    for back in range((max(counts) - min(counts)).days + 1):
        day = min(counts) + timedelta(days=back)
        before = {
            then: counts[then]
            for then in (day - timedelta(days=ago) for ago in range(1, 57))
            if then in counts
        }
        weekdays = [n for then, n in before.items() if (day - then).days % 7 == 0]
        if len(weekdays) < LEAST_WEEKS:
            continue
        compared = {
            "n_rows": counts.get(day, 0),
            "usual_rows": statistics.median(weekdays),
            "least_rows": min(weekdays),
            "most_rows": max(before.values()),
        }
        if max(compared["usual_rows"], compared["n_rows"]) < drop.least_rows:
            continue
        found[0] += 1
        if compared["n_rows"]:  # else it is told as missing
            found[1] += _share_missing(compared) > drop.limit_value
        found[2] += _times_usual(compared) > spike.limit_value
        found[3] += compared["n_rows"] == 0
    return found[0], found[1], found[2], found[3]


def make_up(rng: np.random.Generator) -> dict[date, int]:
    """Make up what a source has of each day: level, week, trend and odd days."""
    level, week = 10 ** rng.uniform(1.7, 4), rng.uniform(0.4, 1.5, 7)
    trend, spread = rng.uniform(-0.003, 0.006), rng.uniform(0.05, 0.5)
    counts = {}
    for number in range(N_DAYS):
        day = date(2025, 1, 1) + timedelta(days=number)
        mean = level * week[day.weekday()] * np.exp(trend * number)
        mean *= rng.gamma(1 / spread**2, spread**2)
        mean *= 0.4 if rng.random() < 0.02 else 1
        mean *= 3.5 if rng.random() < 0.01 else 1
        if n_rows := int(rng.poisson(mean)):
            counts[day] = n_rows
    return counts


def main() -> None:
    """Print a line for each set of days."""
    for measured, questions in (("volume", KNOWN), ("revenue", REVENUE)):
        for name, question in questions.items() if REFERENCE.is_dir() else ():
            rows = duckdb.sql(question.format(REFERENCE)).fetchall()
            tell(name, np.array(judge(dict(rows), measured)))
    rng = np.random.default_rng(0)
    tell("made up", sum(np.array(judge(make_up(rng))) for _ in range(N_SOURCES)))


def tell(name: str, found: np.ndarray) -> None:
    """Print what was found."""
    judged, drops, spikes, missing = found
    print(  # noqa: T201
        f"{name}: {judged:,} days judged, {drops} drops, {spikes} spikes, "
        f"{missing} without any row"
    )


if __name__ == "__main__":
    main()
