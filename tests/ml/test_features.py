"""`ml.features` knows of every feature what it is about."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from ml.contrasts import GROUPS
from ml.features import FEATURES, applicable, clustered_names, look_up

FEATURES_YML = (
    Path(__file__).parents[2] / "dbt_project/models/marts/behaviour/user_features.yml"
)


def test_a_feature_has_meaning_only_where_its_condition_holds():
    features = pd.DataFrame({"n_orders": [0, 1, 2], "mean_days_between_orders": 9})

    assert applicable(features, "mean_days_between_orders").tolist() == [0, 0, 1]
    assert applicable(features[["mean_days_between_orders"]], "revenue").all()


@pytest.mark.parametrize("name", [*FEATURES, "n_things", "unknown_share"])
def test_every_feature_belongs_to_a_group_that_descriptions_know(name: str):
    assert look_up(name).group in GROUPS


def test_every_published_feature_has_words_of_its_own_and_flags_are_not_clustered():
    text = FEATURES_YML.read_text()
    (model,) = yaml.safe_load(text)["models"]
    names = {column["name"] for column in model["columns"]} - {"user_id"}
    flags = {name for name in names if name.startswith("has_")} - {"has_ordered"}

    assert names - flags == FEATURES.keys()
    assert clustered_names(pd.DataFrame(columns=sorted(flags))) == []


def test_importing_the_package_is_light():
    code = "import sys, ml.errors, ml.wording; assert 'sklearn' not in sys.modules"

    subprocess.run([sys.executable, "-c", code], check=True)
