{# Days from the date of one moment to the date of another. #}
{% macro whole_days(from_moment, to_moment) -%}
    {{ dbt.datediff(
        "cast(" ~ from_moment ~ " as date)", "cast(" ~ to_moment ~ " as date)", "day"
    ) }}
{%- endmacro %}
