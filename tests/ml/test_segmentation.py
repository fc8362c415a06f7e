"""`ml.segmentation` gives everybody a segment, and a segment that goes on its id."""

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ml.errors import TooFewPersonsError
from ml.matching import find_successors
from ml.models import SegmentModel, from_bytes, to_bytes
from ml.provisional import CATEGORIES, NUMBERS
from ml.registry import register_model
from ml.segmentation import (
    NEVER_BOUGHT,
    Answers,
    Memory,
    Options,
    Persons,
    apply_segments,
    train_segments,
)

OPTIONS = Options(methods=("kmeans",), fewest_segments=2, most_segments=4)
NOTHING = Memory(pd.DataFrame(columns=["segment_id", "segment_name", "model_version"]))
# Who buys often, who fills carts and leaves, who only looks: orders, sessions, carts,
# abandoned carts, views.
KINDS = {
    "buyers": [9, 20, 0.8, 0.2, 4],
    "abandoners": [0.2, 8, 0.9, 0.95, 5],
    "lookers": [0, 6, 0, 0, 9],
}
COLUMNS = [
    "n_orders",
    "n_sessions",
    "add_to_carts_per_session",
    "cart_abandonment_share",
    "product_views_per_session",
]


def make_features(n_each: int, seed: int = 0) -> pd.DataFrame:
    """Make as many persons of each kind, as the eye can tell."""
    rng = np.random.default_rng(seed)
    means = np.repeat(list(KINDS.values()), n_each, axis=0)
    values = means * rng.uniform(0.8, 1.2, means.shape)
    features = pd.DataFrame(
        values,
        columns=COLUMNS,
        index=[f"{kind}_{i:03d}" for kind in KINDS for i in range(n_each)],
    ).rename_axis("user_id")
    features["n_orders"] = features["n_orders"].round()
    features["cart_abandonment_share"] = features["cart_abandonment_share"].clip(
        upper=1
    )
    return features.assign(
        revenue=features["n_orders"] * rng.uniform(20, 30, len(features))
    )


def know(features: pd.DataFrame, new: tuple[str, ...] = ()) -> Persons:
    """Put together what is known of persons; buyers alone come by desktop.

    Their first visits are known only if somebody is new: it takes time to learn them.
    """
    contexts = pd.DataFrame("", features.index, list(CATEGORIES)).assign(
        **dict.fromkeys(NUMBERS, 0),
        device_type=np.where(features["n_orders"] > 3, "desktop", "mobile"),
        is_recent=True,
        is_new=features.index.isin(new),
    )
    buyers = features[features["n_orders"] > 0]
    return Persons(
        features,
        pd.DataFrame(index=features.index),
        contexts if new else contexts.head(0),
        pd.Series("Champions", buyers.index).mask(buyers["n_orders"] < 3, "Others"),
        {"Champions": "The Champion"},
    )


def remember(
    answers: Answers, model: SegmentModel, earlier: Memory = NOTHING
) -> Memory:
    """Remember a run as the warehouse does."""
    names = answers.segment_catalog.set_index("segment_id")["segment_name"]
    segments = answers.user_segments.set_index("user_id")
    segments["segment_name"] = segments["segment_id"].map(names)
    retired = {*earlier.retired, *names.index}
    columns = ["segment_id", "segment_name", "model_version"]
    return Memory(segments[columns], sorted(retired), from_bytes(to_bytes(model)))


def kind_of(answers: Answers) -> pd.Series:
    """Tell which segment each kind of persons is in, if it is one."""
    segments = answers.user_segments.set_index("user_id")["segment_id"]
    kinds = segments.groupby(segments.index.str.split("_").str[0])
    assert kinds.nunique().eq(1).all()
    return kinds.first()


def segments_of(model: SegmentModel) -> dict[str, str]:
    """Give the name of every id."""
    return {each["id"]: each["name"] for each in model.card["segments"].values()}


@pytest.fixture(scope="module")
def catalog(names_for: Callable) -> pd.DataFrame:
    return names_for(make_features(1))


@pytest.fixture(scope="module")
def persons() -> Persons:
    return know(make_features(30))


@pytest.fixture(scope="module")
def model(persons: Persons, catalog: pd.DataFrame) -> SegmentModel:
    return train_segments(persons, NOTHING, catalog, OPTIONS)


@pytest.fixture(scope="module")
def answers(model: SegmentModel, persons: Persons, catalog: pd.DataFrame) -> Answers:
    return apply_segments(model, persons)


@pytest.fixture(scope="module")
def noise() -> Persons:
    """Persons of one kind, about whom RFM alone says something."""
    index = make_features(30).index
    cloud = np.random.default_rng(0).normal(5, 1, (90, len(COLUMNS)))
    features = pd.DataFrame(cloud, index, COLUMNS).assign(revenue=1.0)
    rfm_segments = pd.Series(["Champions"] * 30 + ["Others"] * 30, index[:60])
    return replace(know(features), rfm_segments=rfm_segments)


@pytest.fixture(scope="module")
def by_rfm(noise: Persons, catalog: pd.DataFrame) -> SegmentModel:
    return train_segments(noise, NOTHING, catalog, OPTIONS)


def test_kinds_of_persons_are_found_named_and_told(answers: Answers, model):
    kinds = kind_of(answers)

    assert kinds.nunique() == 3
    assert kinds["buyers"] == "segment_1"
    told = answers.segment_catalog.set_index("segment_id")
    assert told["segment_name"].to_dict() == segments_of(model)
    assert told.loc[kinds["abandoners"], "segment_name"] == "Cart Abandoners"
    assert told.loc[kinds["lookers"], "segment_name"] == "Window Shoppers"
    assert (told["rule_accuracy"] > 0.9).all()
    assert (told["silhouette"] > 0.5).all()
    users = answers.user_segments
    assert not users["is_provisional"].any()
    assert users["confidence"].between(1 / 3, 1).all()
    assert (users["distance"] >= 0).all()
    assert (users["next_segment_id"] != users["segment_id"]).all()
    assert answers.model_candidates["is_chosen"].sum() == 1
    assert (answers.feature_separation["p_adjusted"] < 0.01).all()
    for table in vars(answers).values():
        assert "model_version" not in table or set(table["model_version"]) == {
            model.card["version"]
        }


def test_order_of_persons_changes_nothing(persons, answers, model, catalog):
    turned = replace(
        persons,
        features=persons.features.sample(frac=1, random_state=0).iloc[:, ::-1],
        rfm_segments=persons.rfm_segments[::-1],
    )

    again = train_segments(turned, NOTHING, catalog[::-1], OPTIONS)

    assert again.card == model.card
    for table, told in vars(apply_segments(again, turned)).items():
        pd.testing.assert_frame_equal(told, getattr(answers, table))


def test_a_refit_on_overlapping_data_keeps_ids_and_names(answers, model, catalog):
    features = make_features(40, seed=1)
    later = know(features.drop([f"buyers_{i:03d}" for i in range(15)]))
    memory = remember(answers, model)

    refitted = train_segments(later, memory, catalog, OPTIONS)
    told = apply_segments(refitted, later)

    assert refitted.card["version"] != model.card["version"]
    assert segments_of(refitted) == segments_of(model)
    assert kind_of(told).equals(kind_of(answers))
    successors = find_successors(
        memory.segments["segment_id"],
        told.user_segments.set_index("user_id")["segment_id"],
    )
    assert successors["kind"].tolist() == ["kept"] * 3
    assert successors["shared_share"].tolist() == [1.0] * 3


def test_who_is_new_to_all_is_in_the_segments_that_the_old_model_tells(
    answers, model, catalog
):
    features = make_features(30, seed=2)
    strangers = know(features.rename(index=lambda name: f"{name}_too"))

    refitted = train_segments(strangers, remember(answers, model), catalog, OPTIONS)

    assert kind_of(apply_segments(refitted, strangers)).equals(kind_of(answers))


def test_a_kind_that_comes_is_a_new_segment_and_its_id_is_never_taken_again(
    answers, model, catalog
):
    without = know(
        make_features(30, seed=4).filter(like="o", axis=0).query("n_orders < 4")
    )
    memory = remember(answers, model)
    kinds = kind_of(answers)

    fewer = train_segments(without, memory, catalog, OPTIONS)
    told = apply_segments(fewer, without)
    assert kind_of(told).to_dict() == kinds.drop("buyers").to_dict()

    # nobody remembers the buyers' segment but by its id
    memory = remember(told, fewer, memory)
    both = know(make_features(30, seed=5))
    more = train_segments(both, memory, catalog, OPTIONS)
    assert kind_of(apply_segments(more, both)).to_dict() == {
        **kinds,
        "buyers": "segment_4",
    }


def test_a_name_stays_until_it_is_not_true_any_more_and_the_id_goes_on(
    answers, model, persons, catalog
):
    memory = remember(answers, model)
    kinds = kind_of(answers)

    def renamed(name: str) -> Memory:
        is_looking = memory.segments["segment_id"] == kinds["lookers"]
        names = memory.segments["segment_name"].mask(is_looking, name)
        return replace(memory, segments=memory.segments.assign(segment_name=names))

    true, false = (
        segments_of(train_segments(persons, renamed(name), catalog, OPTIONS))
        for name in ("Visitors Who Never Bought", "Frequent Buyers")
    )

    assert false == segments_of(model)
    # as true as the name that would be given now
    looking = kinds["lookers"]
    assert true == {**segments_of(model), looking: "Visitors Who Never Bought"}


def test_an_edited_catalog_renames_and_ids_stay(answers, model, persons, catalog):
    edited = catalog.replace({"segment_name": {"Window Shoppers": "Just Looking"}})

    again = train_segments(persons, remember(answers, model), edited, OPTIONS)

    looking = kind_of(answers)["lookers"]
    assert segments_of(again) == {**segments_of(model), looking: "Just Looking"}


def test_new_persons_get_a_provisional_segment_and_are_no_part_of_the_fit(
    persons, answers, model, catalog
):
    features = make_features(30)
    strange = features.head(10).assign(n_sessions=1e6).rename(index="new_{}".format)
    new = tuple(strange.index)
    everybody = know(pd.concat([features, strange]), new=new)

    fitted = train_segments(everybody, NOTHING, catalog, OPTIONS)
    told = apply_segments(fitted, everybody)

    assert fitted.card["n_persons"] == 90
    assert segments_of(fitted) == segments_of(model)
    assert fitted.card["version"] == model.card["version"]
    users = told.user_segments.set_index("user_id")
    assert users.index[users["is_provisional"]].tolist() == sorted(new)
    newcomers = users.loc[sorted(new)]
    assert newcomers["distance"].isna().all()
    assert newcomers["confidence"].between(1 / 3, 1).all()
    # they buy, on desktops
    assert set(newcomers["segment_id"]) == {kind_of(answers)["buyers"]}
    settled = answers.user_segments.set_index("user_id")
    pd.testing.assert_frame_equal(users.drop(list(new)), settled)
    assert "context" in json.loads(register_model(fitted)["metrics"].item())
    silhouettes = told.segment_catalog["silhouette"]
    assert silhouettes.equals(answers.segment_catalog["silhouette"])


def test_where_almost_all_are_new_the_fit_is_to_everybody(catalog):
    features = make_features(20)
    persons = know(features, new=tuple(features.index[10:]))

    fitted = train_segments(persons, NOTHING, catalog, OPTIONS)
    users = apply_segments(fitted, persons).user_segments

    assert fitted.card["n_persons"] == 60
    assert fitted.context is None
    assert not users["is_provisional"].any()
    assert users["distance"].notna().all()


def test_fewer_than_twenty_persons_are_refused(catalog):
    with pytest.raises(TooFewPersonsError, match="18 persons are too few"):
        train_segments(know(make_features(6)), NOTHING, catalog, OPTIONS)


def test_without_structure_persons_go_by_rfm(by_rfm: SegmentModel, noise, catalog):
    told = apply_segments(by_rfm, noise)

    assert by_rfm.clusters is None
    assert by_rfm.card["verdict"].startswith("no structure found")
    assert by_rfm.card["version"].startswith("rfm-")
    users = told.user_segments.set_index("user_id")
    names = users["segment_id"].map(segments_of(by_rfm))
    assert names.to_dict() == noise.rfm_labels.to_dict()
    assert set(names) == {"Champions", "Others", NEVER_BOUGHT}
    assert (users["confidence"] == 1).all()
    assert users[["distance", "next_segment_id"]].isna().all(axis=None)
    assert told.segment_catalog["silhouette"].isna().all()
    assert sorted(told.personas["persona_name"]) == [
        "Everybody Else",
        "The Champion",
        "The Visitor Who Never Bought",
    ]
    candidates = told.model_candidates
    assert not candidates["is_chosen"].any()
    assert candidates["reason"].str.startswith("wins, but no structure").sum() == 1


def test_persons_who_are_all_alike_go_by_rfm(catalog):
    features = make_features(10)
    features[:] = 1.0
    persons = know(features)

    fitted = train_segments(persons, NOTHING, catalog, OPTIONS)
    told = apply_segments(fitted, persons)

    assert fitted.clustering is None
    assert "all persons are alike" in fitted.card["verdict"]
    assert set(told.user_segments["segment_id"]) == {"segment_2"}
    assert told.segment_catalog["segment_name"].tolist() == ["Others"]
    assert told.model_candidates.empty


def test_rfm_segments_keep_their_ids_and_clusters_take_none_of_them(
    by_rfm: SegmentModel, noise, persons, catalog
):
    told = apply_segments(by_rfm, noise)
    memory = remember(told, by_rfm)

    again = train_segments(noise, memory, catalog, OPTIONS)
    found = train_segments(persons, memory, catalog, OPTIONS)

    assert again.card["segments"] == by_rfm.card["segments"]
    # each is of the persons of an RFM segment, and yet another thing
    assert sorted(segments_of(found)) == ["segment_4", "segment_5", "segment_6"]
    back = train_segments(
        noise,
        remember(apply_segments(found, persons), found, memory),
        catalog,
        OPTIONS,
    )
    assert sorted(segments_of(back)) == ["segment_7", "segment_8", "segment_9"]


@pytest.mark.parametrize("kind", ["model", "by_rfm", "alike"])
def test_the_registry_is_told_what_json_can_say(kind: str, request, catalog):
    if kind == "alike":
        features = make_features(10)
        features[:] = 1.0
        fitted = train_segments(know(features), NOTHING, catalog, OPTIONS)
    else:
        fitted = request.getfixturevalue(kind)

    (row,) = register_model(fitted).to_dict("records")

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    features, parameters, metrics = (
        json.loads(row[name], parse_constant=refuse)
        for name in ("features", "parameters", "metrics")
    )
    assert row["model_version"] == fitted.card["version"]
    assert row["algorithm"] == ("kmeans" if kind == "model" else "rfm")
    assert row["n_segments"] == 3
    assert row["verdict"] == fitted.card["verdict"]
    assert parameters["methods"] == ["kmeans"]
    assert features == ([] if kind == "alike" else sorted([*COLUMNS, "revenue"]))
    assert metrics.get("n_learnt") == (None if kind == "alike" else 90)


def test_a_segment_that_nobody_is_in_is_told_as_such(model, persons, catalog):
    everybody = apply_segments(model, persons).segment_catalog
    some = persons.features[~persons.features.index.str.startswith("lookers")]

    told = apply_segments(model, know(some)).segment_catalog

    assert set(told["segment_id"]) == set(everybody["segment_id"])
    assert told["segment_name"].is_unique
    (empty,) = told[told["rule_sql"] == "false"].to_dict("records")
    assert empty["description"] == "Nobody is in it at present."
    assert empty["model_version"] == model.card["version"]


def test_fewer_than_twenty_are_not_assigned_either(model, persons, catalog):
    few = know(persons.features.head(19))

    with pytest.raises(TooFewPersonsError, match="19 persons are too few"):
        apply_segments(model, few)


def test_rfm_segments_keep_their_ids_when_their_model_cannot_be_opened(
    by_rfm, noise, catalog
):
    answers = apply_segments(by_rfm, noise)
    memory = remember(answers, by_rfm)

    lost = Memory(memory.segments, memory.retired, None)
    again = train_segments(noise, lost, catalog, OPTIONS)

    told = apply_segments(again, noise).user_segments
    assert told["segment_id"].equals(answers.user_segments["segment_id"])


def test_who_was_in_a_segment_by_a_guess_has_no_vote(model, persons, catalog):
    memory = remember(apply_segments(model, persons), model)
    guessed = memory.segments.assign(is_provisional=True)

    refit = train_segments(persons, Memory(guessed, memory.retired), catalog, OPTIONS)

    assert not set(segments_of(refit)) & set(segments_of(model))
