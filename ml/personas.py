"""Describe the kind of person a segment stands for."""

import json
from collections.abc import Mapping

import numpy as np
import pandas as pd

from ml.contrasts import average_segments, describe_segments
from ml.features import FEWEST_DESCRIBED
from ml.wording import format_share, join_words

TOP = 3
TELLING_LIFT = 1.1
TELLING_SHARE = 0.1
# What a persona tells besides numbers: where it stands in `traits`, the columns whose
# answers it counts, and how the most frequent ones are said.
HABITS = (
    ("buys", "categories", ("main_category", "second_category"), "for {}"),
    ("when", "dayparts", ("main_daypart",), "{}"),
    ("when", "weekday_types", ("main_weekday_type",), "on {}"),
    ("where", "channels", ("main_channel",), "through {}"),
    ("where", "device_types", ("main_device_type",), "on a {}"),
    ("where", "countries", ("main_country",), "from {}"),
)
OPENINGS = {
    "buys": "They mostly go",
    "when": "They mostly come",
    "where": "They mostly reach us",
}
SAID_AS = {
    "dayparts": {
        "night": "at night",
        "morning": "in the morning",
        "afternoon": "in the afternoon",
        "evening": "in the evening",
    },
    "weekday_types": {"weekday": "weekdays", "weekend": "weekends"},
    "channels": {
        "direct": "direct visits",
        "referral": "links on other sites",
        "email": "e-mail",
        "affiliates": "affiliate links",
        "audio": "audio ads",
        "sms": "text messages",
        "ai_assistant": "AI assistants",
        "mobile_push": "push messages",
        "unassigned": "ways of no known kind",
    },
    "device_types": {"tv": "television"},
}


def describe_personas(
    features: pd.DataFrame,
    traits: pd.DataFrame,
    segment_ids: pd.Series,
    segment_names: Mapping[str, str] | pd.Series,
    persona_names: Mapping[str, str],
    *,
    descriptions: Mapping[str, str] | pd.Series | None = None,
) -> pd.DataFrame:
    """Describe one persona a segment: who, what, when and where, against everybody.

    Nothing is told about fewer than five persons.

    Parameters
    ----------
    features : DataFrame of shape (n_persons, n_features)
        Numbers of everybody, indexed by `user_id`.
    traits : DataFrame of shape (n_persons or fewer, n_traits)
        Categories of each person, text or None, indexed by `user_id`; the columns of
        `HABITS` are read, as far as they are there.
    segment_ids : Series of shape (n_persons,)
        Such as ``segment_3``, indexed by `user_id` in any order.
    segment_names : mapping or Series
        The name of every segment_id.
    persona_names : mapping
        The name of the persona of every segment_id.
    descriptions : mapping or Series, optional
        What `describe_segments` says of every segment_id, if it was asked already.

    Returns
    -------
    DataFrame of shape (n_segments, 5)
        Sorted by `persona_id` (``persona_3`` is of ``segment_3``), with `persona_name`,
        `narrative` (a few sentences), `n_users` and `traits`: JSON with ``numbers``
        (averages of the persona and of everybody, and their ratio), ``buys``, ``when``
        and ``where`` (the most frequent answers, their share among those whose answer
        is known, everybody's share, and the lift between them).

    Raises
    ------
    ValueError
        If a person has no segment or a segment no name.

    Examples
    --------
    >>> features = pd.DataFrame({"n_orders": [1] * 15 + [9] * 5})
    >>> traits = pd.DataFrame({"main_daypart": ["morning"] * 15 + ["evening"] * 5})
    >>> segment_ids = pd.Series(["segment_1"] * 15 + ["segment_2"] * 5)
    >>> names = {"segment_1": "One-Time Buyers", "segment_2": "Frequent Buyers"}
    >>> told = {"segment_1": "The Guest", "segment_2": "The Regular"}
    >>> personas = describe_personas(features, traits, segment_ids, names, told)
    >>> personas["persona_name"].tolist()
    ['The Guest', 'The Regular']
    """
    of_person = segment_ids.reindex(features.index)
    if of_person.isna().any():
        raise ValueError(f"{of_person.isna().sum()} persons have no segment")
    names = dict(segment_names)
    segments = sorted(of_person.unique(), key=lambda name: (len(name), name))
    nameless = [segment for segment in segments if segment not in names]
    if nameless:
        raise ValueError(f"segments have no name: {', '.join(nameless)}")
    if descriptions is None:
        descriptions = describe_segments(features, of_person)
    averages, everybody = average_segments(features, of_person)
    known = traits.reindex(features.index)
    personas = []
    for segment in segments:
        is_member = (of_person == segment).to_numpy()
        habits = _count_habits(known, is_member)
        told = {"numbers": _compare_numbers(averages.loc[segment], everybody)} | habits
        personas.append(
            {
                "persona_id": f"persona_{segment.removeprefix('segment_')}",
                "persona_name": persona_names[segment],
                "narrative": _narrate(
                    names[segment], is_member, descriptions[segment], habits
                ),
                "n_users": int(is_member.sum()),
                "traits": json.dumps(
                    told, allow_nan=False, ensure_ascii=False, sort_keys=True
                ),
            }
        )
    return pd.DataFrame(personas)


def _compare_numbers(averages: pd.Series, everybody: pd.Series) -> dict[str, dict]:
    """Put a persona's averages beside everybody's, as far as they are known."""
    numbers = {}
    for name in everybody.index:
        here, all_of_them = averages[name], everybody[name]
        if not (np.isfinite(here) and np.isfinite(all_of_them)):
            continue
        numbers[name] = {
            "persona": _rounded(here),
            "everybody": _rounded(all_of_them),
        }
        if all_of_them > 0:
            numbers[name]["ratio"] = _rounded(here / all_of_them)
    return numbers


def _count_habits(known: pd.DataFrame, is_member: np.ndarray) -> dict[str, dict]:
    """Count the most frequent answers of a segment, most frequent first."""
    habits: dict[str, dict] = {"buys": {}, "when": {}, "where": {}}
    for place, plural, columns, _ in HABITS:
        answers = [known[column] for column in columns if column in known]
        if not answers:
            continue
        here = _share_answers([answer[is_member] for answer in answers])
        everybody = _share_answers(answers)
        if here.empty:
            continue
        habits[place][plural] = [
            {
                "name": answer,
                "share": _rounded(here[answer]),
                "everybody": _rounded(everybody[answer]),
                "lift": _rounded(here[answer] / everybody[answer]),
            }
            for answer in here.index[:TOP].astype(str)
        ]
    return habits


def _share_answers(answers: list[pd.Series]) -> pd.Series:
    """Tell each answer's share of those who gave any; under five are left out."""
    n_known = pd.concat(answers, axis=1).notna().any(axis=1).sum()
    counts = pd.concat(answers).dropna().astype(str).value_counts()
    counts = counts[counts >= FEWEST_DESCRIBED].sort_index()
    return counts.sort_values(ascending=False, kind="stable") / n_known


def _narrate(
    name: str, is_member: np.ndarray, description: str, habits: dict[str, dict]
) -> str:
    """Write a few sentences: how many, what sets them apart, what, when and where."""
    n_persons = int(is_member.sum())
    word = "person" if n_persons == 1 else "persons"
    share = format_share(is_member.mean())
    sentences = [f"{name}: {n_persons:,} {word}, {share} of everybody.", description]
    for place in ("buys", "when", "where"):
        phrases = [
            _tell_answers(plural, told, habits[place][plural])
            for of_place, plural, _, told in HABITS
            if of_place == place and habits[place].get(plural)
        ]
        if phrases:
            sentences.append(f"{OPENINGS[place]} {', '.join(phrases)}.")
    return " ".join(sentences)


def _tell_answers(plural: str, told: str, answers: list[dict]) -> str:
    """Say the most frequent answer, and the next one if it is telling."""
    first, *others = answers
    telling = [
        other
        for other in others[:1]
        if other["lift"] >= TELLING_LIFT and other["share"] >= TELLING_SHARE
    ]
    words = SAID_AS.get(plural, {})
    said = []
    for answer in (first, *telling):
        word = words.get(answer["name"], answer["name"].replace("_", " "))
        share, everybody = map(format_share, (answer["share"], answer["everybody"]))
        said.append(f"{told.format(word)} ({share}, everybody: {everybody})")
    return join_words(said)


def _rounded(value: float) -> float:
    """Keep six digits: more would be noise, and differ between machines."""
    return float(f"{value:.6g}")
