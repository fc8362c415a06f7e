"""People who are in two lists, with the slips of pen that tell the lists apart."""

from datetime import date, timedelta

import numpy as np

SYLLABLES = ("an", "be", "cor", "da", "el", "fi", "gu", "ha", "in", "jo", "ka", "lu")
SYLLABLES += ("mi", "no", "ol", "pe", "qui", "ra", "so", "tu", "ve", "wi")
CITIES = [f"{first}{last}" for first in SYLLABLES[:7] for last in ("ton", "burg")]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
NEW_ADDRESS = 0.4  # of the people have another address in the second list


def lookalikes(n_people: int, *, seed: int = 5) -> list[tuple[dict, dict]]:
    """Make each person's line of the first list and of the second."""
    rng = np.random.default_rng(seed)
    people = []
    for number in range(n_people):
        first, last = _name(rng, 2), _name(rng, 3)
        born = date(1950, 1, 1) + timedelta(days=int(rng.integers(0, 365 * 55)))
        here = {
            "first": first.title(),
            "last": last.title(),
            "born": str(born),
            "city": str(rng.choice(CITIES)).title(),
            "email": f"{first}.{last}{number}@example.org",
        }
        there = dict(here)
        if rng.random() < NEW_ADDRESS:
            there["email"] = f"{first[0]}{last}.{number}@example.net"
        for field in ("first", "last"):
            if rng.random() < 0.15:
                there[field] = _slip(rng, there[field])
        if rng.random() < 0.1:
            there["born"] = str(born.replace(day=1 + born.day % 28))
        if rng.random() < 0.1:
            there["city"] = str(rng.choice(CITIES)).title()
        people.append((here, there))
    return people


def _name(rng: np.random.Generator, n_syllables: int) -> str:
    return "".join(rng.choice(SYLLABLES, n_syllables))


def _slip(rng: np.random.Generator, word: str) -> str:
    place = int(rng.integers(1, len(word) - 1))
    letter = LETTERS[rng.integers(len(LETTERS))]
    return word[:place] + letter + word[place + 1 :]
