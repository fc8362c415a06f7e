"""Segments are what their rules say, as well as the catalog says."""

import pytest
from running import query

from warehouse.home import Home

FIDELITY = ("rule_accuracy", "rule_precision", "rule_recall")


@pytest.mark.skip(reason="the columns of the rule are not published yet")
def test_a_rule_pasted_into_sql_has_the_stated_fidelity(sample: Home):
    rules = query(
        sample,
        f"select segment_id, rule_sql, {', '.join(FIDELITY)} "
        "from segments.segment_catalog",
    )

    assert rules
    for segment_id, rule_sql, *stated in rules:
        (found,) = query(
            sample,
            "with selected as (select user_id from marts.user_features "
            f"where {rule_sql}) "
            "select avg((is_fit = is_in)::double), "
            "avg(is_in::double) filter (where is_fit), "
            "avg(is_fit::double) filter (where is_in) from (select "
            "selected.user_id is not null as is_fit, "
            f"segment_id = '{segment_id}' as is_in from segments.user_segments "
            "left join selected using (user_id))",
        )
        assert found == pytest.approx(stated), rule_sql
