"""What the peers have in common: columns, a watch, and the clustering."""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score
from sklearn.preprocessing import StandardScaler

TEXTS = (
    "event_id", "user_id", "anonymous_id", "event_name", "page_url", "referrer",
    "utm_source", "device_type", "country", "product_id", "category", "order_id",
)  # fmt: skip
TIMES = ("occurred_at", "received_at")
AS_OF = "2026-01-01"
LEAST_SUPPORT = 0.001
LEAST_CONFIDENCE = 0.2
OUTPUTS = ("sessions", "rfm", "rules", "segments")
COUNTED = ("loaded", "events", "sessions", "rfm", "rules")


class Watch:
    """Seconds of each step, and rows of each table, told as JSON at the end."""

    def __init__(self) -> None:
        parser = argparse.ArgumentParser()
        parser.add_argument("inbox", type=Path)
        parser.add_argument("out", type=Path)
        options = parser.parse_args()
        self.inbox: Path = options.inbox
        self.out: Path = options.out
        self.out.mkdir(parents=True, exist_ok=True)
        self.dumps = sorted(self.inbox.glob("*/*.jsonl"))
        self.steps: dict[str, float] = {}
        self.last = time.perf_counter()

    def done(self, step: str) -> None:
        """Note what a step took."""
        now = time.perf_counter()
        self.steps[step], self.last = now - self.last, now

    def tell(self, *counts: int) -> None:
        """Print what there is to tell: seconds, and the rows that `COUNTED` names."""
        rows = dict(zip(COUNTED, counts, strict=True))
        print(json.dumps({"steps": self.steps, "rows": rows}))  # noqa: T201


def cluster(features: pd.DataFrame) -> pd.DataFrame:
    """Find three to eight clusters, as many as the silhouette of 5,000 persons says."""
    points = StandardScaler().fit_transform(np.log1p(features.astype(float)))
    drawn = np.random.default_rng(0).permutation(len(points))[:5000]
    scores = {
        k: silhouette_score(points[drawn], _fit(k, points[drawn]).labels_)
        for k in range(3, 9)
    }
    labels = _fit(max(scores, key=scores.__getitem__), points).labels_
    return pd.DataFrame({"user_id": features.index, "segment_id": labels})


def _fit(k: int, points: np.ndarray) -> KMeans:
    """Fit a k-means."""
    return KMeans(k, n_init=4, random_state=0).fit(points)
