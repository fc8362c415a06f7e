"""Time the segmentation of many made-up persons, and measure the memory it takes.

    python tests/benchmarks/segmenting.py --persons 100000

One process fits a model and describes its segments, as a run that trains does; then it
assigns and describes them once more, as every other run does. What is read from and
written to the warehouse is not in it. Seconds are of one thread: nearly all of it is.
"""

import argparse
import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

ROOT = Path(__file__).parents[2]
sys.path += [str(ROOT), str(ROOT / "tests" / "ml")]

N_REPEATED = 40


def main() -> None:
    """Print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--persons", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    from conftest import simulate_persons

    from ml.models import from_bytes, to_bytes
    from ml.segmentation import (
        Memory,
        Options,
        Persons,
        apply_segments,
        train_segments,
    )

    made = simulate_persons(options.persons, options.seed)
    persons = make_persons(made.drop(columns="archetype"), options.seed, Persons)
    catalog = pd.read_csv(ROOT / "dbt_project" / "seeds" / "segment_names.csv")
    unknown = catalog[~catalog["feature"].isin(made)]["segment_name"]
    catalog = catalog[~catalog["segment_name"].isin(unknown)]
    nobody = pd.DataFrame(columns=["segment_id", "segment_name", "model_version"])
    before = peak_megabytes()

    began = time.perf_counter()
    model = train_segments(persons, Memory(nobody), catalog, Options())
    trained = time.perf_counter()
    content = to_bytes(model)
    answers = apply_segments(from_bytes(content), persons)
    applied = time.perf_counter()

    assigned = answers.user_segments.set_index("user_id")["segment_id"]
    planted = made["archetype"].loc[assigned.index]
    print(  # noqa: T201
        json.dumps(
            {
                "persons": options.persons,
                "features": persons.features.shape[1],
                "train_seconds": round(trained - began, 1),
                "apply_seconds": round(applied - trained, 1),
                "megabytes_of_frames": before,
                "peak_megabytes": peak_megabytes(),
                "model_bytes": len(content),
                "segments": len(answers.segment_catalog),
                "adjusted_rand_index": round(adjusted_rand_score(planted, assigned), 3),
            }
        )
    )


def make_persons(features: pd.DataFrame, seed: int, persons: type):
    """Add columns that repeat others with noise, and what else is known of persons."""
    from ml.provisional import NUMBERS

    rng = np.random.default_rng(seed)
    n_persons = len(features)
    repeated = [features.columns[n % features.shape[1]] for n in range(N_REPEATED)]
    noise = pd.DataFrame(
        {
            f"{name}_again_{number}": features[name] * rng.lognormal(0, 0.5, n_persons)
            for number, name in enumerate(repeated)
        }
    )

    def draw(*values: str) -> np.ndarray:
        return rng.choice(np.array(values, dtype=object), n_persons)

    texts = {
        "browser": draw("Chrome", "Safari", "Firefox"),
        "channel": draw("direct", "email", "organic_search"),
        "country": draw("DE", "FR", "GB", "US"),
        "daypart": draw("morning", "evening"),
        "device_type": draw("mobile", "desktop"),
        "os": draw("iOS", "Android", "Windows"),
        "weekday_type": draw("weekday", "weekend"),
    }
    numbers = {name: rng.poisson(1, n_persons) for name in NUMBERS}
    contexts = pd.DataFrame(texts | numbers, index=features.index)
    bought = features.index[features["n_orders"] > 0]
    return persons(
        features=features.join(noise),
        traits=pd.DataFrame(
            {
                "main_device_type": texts["device_type"],
                "main_channel": texts["channel"],
                "main_country": texts["country"],
            },
            index=features.index,
        ),
        contexts=contexts.assign(is_recent=True, is_new=rng.random(n_persons) < 0.02),
        rfm_segments=pd.Series("Others", index=bought),
        rfm_personas={},
    )


def peak_megabytes() -> int:
    """Tell the most memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
