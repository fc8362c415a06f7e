{# Days from the date of one moment to the date of another. #}
{% macro whole_days(from_moment, to_moment) -%}
    date_diff('day', cast({{ from_moment }} as date), cast({{ to_moment }} as date))
{%- endmacro %}
