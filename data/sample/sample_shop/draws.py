"""Random draws that every room shares."""

import numpy as np


def choose(rng: np.random.Generator, weights: np.ndarray) -> np.ndarray:
    """Draw one column per row of `weights` (rows need not add up to 1)."""
    cumulative = weights.cumsum(axis=1)
    level = rng.random(len(weights)) * cumulative[:, -1]
    return (level[:, None] >= cumulative).sum(axis=1)


def hex_ids(rng: np.random.Generator, n: int, *, n_bytes: int = 8) -> np.ndarray:
    """Draw `n` random ids of hexadecimal digits."""
    text = rng.bytes(n * n_bytes).hex()
    width = 2 * n_bytes
    return np.array([text[k * width : (k + 1) * width] for k in range(n)], dtype=object)


def flags(rng: np.random.Generator, probability: np.ndarray) -> np.ndarray:
    """Draw True with the probability of each element."""
    return rng.random(len(probability)) < probability
