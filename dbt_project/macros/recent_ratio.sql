{# How often per day in the last 30 days against as often in the days before of which
   something is known, each smoothed by a half in 30 days; 1 where there are none. #}
{% macro recent_ratio(n_recent, n_earlier, earlier_days) -%}
    coalesce(
        (coalesce({{ n_recent }}, 0) + 0.5e0) / 30
        / ((coalesce({{ n_earlier }}, 0) + {{ earlier_days }} / 60e0) / {{ earlier_days }}),
        1
    )
{%- endmacro %}
