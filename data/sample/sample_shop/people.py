"""Who there is: people with made-up names, their devices and accounts."""

import numpy as np
import pandas as pd

from sample_shop.archetypes import (
    ARCHETYPES,
    CATEGORIES,
    COUNTRIES,
    DEVICES,
    PLANS,
    category_weights,
    trait,
)
from sample_shop.draws import choose, flags, hex_ids

FIRST_SYLLABLES = ("El", "Tor", "Mi", "Sa", "Bra", "Quin", "Ysol", "Per", "Lu", "Han")
GIVEN_ENDINGS = ("vana", "rin", "delle", "mund", "bek", "lia", "wyn", "dor", "sina")
FAMILY_ENDINGS = ("quill", "mere", "brand", "stow", "fenn", "gard", "holt", "wick")
CITIES = {
    "GB": ("Leeds", "Bristol", "Norwich", "Dundee"),
    "IE": ("Cork", "Galway"),
    "DE": ("Bremen", "Kassel", "Jena"),
    "FR": ("Lille", "Nantes"),
    "NL": ("Utrecht", "Breda"),
    "US": ("Portland", "Denver"),
}
# numbers that Ofcom keeps for drama: a thousand each, never a subscriber's
PHONE_PREFIXES = ("+447700900", "+442079460", "+441134960", "+441144960", "+441154960")
PHONE_PREFIXES += ("+441164960", "+441174960", "+441184960", "+441214960", "+441314960")

USER_AGENTS = {
    "desktop": (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 "
        "(KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 "
        "(KHTML, like Gecko) Version/17.6 Safari/605.1.15",
        "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
    ),
    "phone": (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) AppleWebKit/605.1.15 "
        "(KHTML, like Gecko) Version/17.6 Mobile/15E148 Safari/604.1",
        "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 "
        "(KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 "
        "(KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
        "Mozilla/5.0 (Linux; Android 13; SM-A546B) AppleWebKit/537.36 "
        "(KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36",
        "Mozilla/5.0 (iPad; CPU OS 17_6 like Mac OS X) AppleWebKit/605.1.15 "
        "(KHTML, like Gecko) Version/17.6 Mobile/15E148 Safari/604.1",
    ),
    "app": ("ios", "android"),
}


def make_people(rng: np.random.Generator, n_users: int) -> pd.DataFrame:
    """Make `n_users` people, one a row; `archetype` is the row in ARCHETYPES."""
    archetype = rng.permutation(_archetype_of_each(n_users))
    country = choose(rng, trait("countries")[archetype])
    people = pd.DataFrame(
        {
            "archetype": archetype,
            "country": np.array(COUNTRIES, dtype=object)[country],
            "favourite": choose(rng, category_weights()[archetype]),
            "is_anonymous": flags(rng, trait("stays_anonymous")[archetype]),
            "joined_earlier": flags(rng, trait("joined_earlier")[archetype]),
            "is_content": flags(rng, trait("is_content")[archetype]),
            "plan": np.array(PLANS, dtype=object)[
                choose(rng, trait("plans")[archetype])
            ],
        }
    )
    numbers = 100_000 + rng.permutation(9 * n_users)[:n_users]
    people["user_id"] = [f"U{number}" for number in numbers]
    return people.join(_make_names(rng, people))


def make_devices(rng: np.random.Generator, people: pd.DataFrame) -> pd.DataFrame:
    """Make the devices: person, kind (row of DEVICES), device_id, user_agent, weight.

    Everybody has one or more; who stays anonymous has one browser alone, for nothing
    could tie a second one to the first.
    """
    archetype = people["archetype"].to_numpy()
    uses = trait("uses")[archetype]
    owned = rng.random((len(people), len(DEVICES))) < trait("owns")[archetype]
    main = choose(rng, uses)
    owned[np.arange(len(people)), main] |= ~owned.any(axis=1)

    is_anonymous = people["is_anonymous"].to_numpy()
    browser = choose(rng, uses[:, :2])
    owned[is_anonymous] = np.eye(len(DEVICES), dtype=bool)[browser[is_anonymous]]

    person, kind = np.nonzero(owned)
    ids = hex_ids(rng, len(person), n_bytes=16)
    agents = rng.random(len(person))
    names = [DEVICES[k] for k in kind]
    return pd.DataFrame(
        {
            "person": person,
            "kind": kind,
            "device_id": [
                f"d-{text[:12]}" if name == "app" else _as_uuid(text)
                for text, name in zip(ids, names, strict=True)
            ],
            "user_agent": [
                USER_AGENTS[name][int(level * len(USER_AGENTS[name]))]
                for level, name in zip(agents, names, strict=True)
            ],
            "weight": uses[person, kind] + 0.02,
        }
    )


def true_archetypes(people: pd.DataFrame, devices: pd.DataFrame) -> pd.DataFrame:
    """Tell the truth: user_id as it must be published, and the archetype's name."""
    names = np.array([archetype.name for archetype in ARCHETYPES], dtype=object)
    archetype = names[people["archetype"]]
    truth = pd.DataFrame(
        {"user_id": _published_ids(people, devices), "archetype": archetype}
    )
    return truth.sort_values("user_id")


def true_identifiers(
    people: pd.DataFrame,
    devices: pd.DataFrame,
    *,
    is_seen: np.ndarray,
    has_account: np.ndarray,
) -> pd.DataFrame:
    """Tell the truth: each identifier of the dumps, and user_id as in the archetypes'.

    They are the devices that are seen, and the ids, addresses and numbers of the
    accounts. A machine's device is nobody's: it has no user_id.
    """
    published = _published_ids(people, devices)
    seen, accounts = devices[is_seen], people[has_account]
    parts = [
        ("anonymous_id", seen["device_id"], published.reindex(seen["person"])),
        *(
            (kind, accounts[kind], published[accounts.index])
            for kind in ("user_id", "email", "phone")
        ),
    ]
    truth = pd.concat(
        pd.DataFrame(
            {
                "identifier_type": kind,
                "identifier": identifiers.to_numpy(),
                "user_id": user_ids.to_numpy(),
            }
        )
        for kind, identifiers, user_ids in parts
    )
    truth = truth[truth["identifier"] != ""]
    return truth.sort_values(["identifier_type", "identifier"])


def _published_ids(people: pd.DataFrame, devices: pd.DataFrame) -> pd.Series:
    """Give the id of each account; of those without one, that of their only device."""
    only_device = devices.drop_duplicates("person").set_index("person")["device_id"]
    return people["user_id"].where(~people["is_anonymous"], only_device)


def _archetype_of_each(n_users: int) -> np.ndarray:
    """Share people out among the archetypes, the largest remainders first."""
    exact = trait("share") * n_users
    counts = np.floor(exact).astype(int)
    rest = n_users - counts.sum()
    counts[np.argsort(counts - exact, kind="stable")[:rest]] += 1
    return np.repeat(np.arange(len(ARCHETYPES)), counts)


def _make_names(rng: np.random.Generator, people: pd.DataFrame) -> pd.DataFrame:
    n = len(people)
    first = _pick(rng, FIRST_SYLLABLES, n) + _pick(rng, GIVEN_ENDINGS, n)
    last = _pick(rng, FIRST_SYLLABLES, n) + _pick(rng, FAMILY_ENDINGS, n)
    domain = _pick(rng, ("example.com", "example.org", "example.net"), n)
    number = rng.permutation(len(PHONE_PREFIXES) * 1000)
    has_phone = rng.random(n) < 0.6
    phones = [
        f"{PHONE_PREFIXES[number[k] // 1000]}{number[k] % 1000:03d}"
        if has_phone[k] and k < len(number)  # no reserved number is left for the rest
        else ""
        for k in range(n)
    ]
    birth_day = rng.integers(0, 365 * 55, n)
    return pd.DataFrame(
        {
            "first_name": first,
            "last_name": last,
            "email": [
                f"{a}.{b}{k}@{c}".lower()
                for k, (a, b, c) in enumerate(zip(first, last, domain, strict=True))
            ],
            "phone": phones,
            "birth_date": (
                np.datetime64("1950-01-01") + birth_day.astype("timedelta64[D]")
            ).astype(str),
            "gender": _pick(rng, ("female", "male", "diverse", ""), n),
            "city": [
                CITIES[country][int(level * len(CITIES[country]))]
                for country, level in zip(people["country"], rng.random(n), strict=True)
            ],
            "interest": np.array(CATEGORIES, dtype=object)[people["favourite"]],
        }
    )


def _pick(rng: np.random.Generator, words: tuple[str, ...], n: int) -> np.ndarray:
    return np.array(words, dtype=object)[rng.integers(0, len(words), n)]


def _as_uuid(text: str) -> str:
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
