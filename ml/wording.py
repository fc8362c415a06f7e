"""Say numbers as a person would: compared, rounded, and in the right plural."""

import numpy as np

from ml.features import look_up


def tell_feature(name: str, here: float, everybody: float) -> str | None:
    """Say how a segment's average compares with everybody's, without a subject.

    Parameters
    ----------
    name : str
        The feature's column.
    here, everybody : float
        Averages over the segment and over everybody, in the feature's own unit.

    Returns
    -------
    str or None
        A phrase that follows "They"; None if the feature is not told in words, or
        if there is nothing to compare.

    Examples
    --------
    >>> tell_feature("n_orders", 12.1, 2.881)
    'order 4.2 times as often as everybody (12.1 against 2.9 orders)'
    >>> tell_feature("n_orders", 0, 1)
    'never order (everybody: 1 order)'
    >>> tell_feature("revenue", 20, 31.5)
    'spend less than everybody (20.00 against 31.50)'
    >>> tell_feature("recency_days", 1, 80)
    'were last active 1 day ago (everybody: 80 days)'
    """
    feature = look_up(name)
    if not feature.told or not (np.isfinite(here) and np.isfinite(everybody)):
        return None
    shown, shown_everybody = format_level(name, here), format_level(name, everybody)
    if feature.degree is None:
        return feature.told.format(here=shown, everybody=shown_everybody)
    if here < 0 or everybody <= 0:
        return None
    if here == 0:
        nothing = feature.none or f"have no {feature.noun}"
        return f"{nothing} (everybody: {shown_everybody})"
    as_much, more, less = feature.degree
    rest = f" {feature.rest}" if feature.rest else ""
    ratio = here / everybody
    if 1.5 <= ratio < np.inf:
        degree = f"{format_number(ratio)} times as {as_much}{rest} as"
    else:
        degree = f"{more if ratio > 1 else less}{rest} than"
    without_unit = format_level(name, here, unit=False)
    return (
        f"{feature.told} {degree} everybody ({without_unit} against {shown_everybody})"
    )


def format_level(name: str, value: float, *, unit: bool = True) -> str:
    """Write a feature's value for people, with its unit in the right number.

    Examples
    --------
    >>> format_level("n_orders", 1.0), format_level("n_orders", 1234.4)
    ('1 order', '1,234 orders')
    >>> format_level("revenue", 1234.5), format_level("mobile_share", 0.254)
    ('1,234.50', '25%')
    """
    feature = look_up(name)
    if feature.kind == "money":
        return f"{value:,.2f}"
    if feature.kind == "share":
        return format_share(value)
    text = format_number(value)
    one, many = {"days": ("day", "days"), "minutes": ("minute", "minutes")}.get(
        feature.kind, feature.unit
    )
    word = one if text == "1" else many
    return f"{text} {word}" if unit and word else text


def format_number(value: float) -> str:
    """Write a number with as many digits as a reader wants.

    Examples
    --------
    >>> [format_number(value) for value in (1234.4, 12.06, 3.0, 0.0451)]
    ['1,234', '12.1', '3', '0.045']
    """
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 0.1:
        return f"{value:.1f}".removesuffix(".0")
    return "0" if value == 0 else np.format_float_positional(float(f"{value:.2g}"))


def format_share(value: float) -> str:
    """Write a share as a percentage; what is not nothing is not written as 0%.

    Examples
    --------
    >>> format_share(0.254), format_share(0.001), format_share(0.9996)
    ('25%', 'less than 1%', 'more than 99%')
    """
    if 0 < value < 0.005:
        return "less than 1%"
    if 0.995 <= value < 1:
        return "more than 99%"
    return f"{100 * value:.0f}%"


def join_words(phrases: list[str]) -> str:
    """Join phrases as a sentence does.

    Examples
    --------
    >>> join_words(["a", "b", "c"])
    'a, b and c'
    """
    if len(phrases) < 2:
        return "".join(phrases)
    return f"{', '.join(phrases[:-1])} and {phrases[-1]}"
