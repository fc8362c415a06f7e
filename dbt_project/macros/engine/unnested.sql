{# A join that gives one row per entry of a list, the entry in a column of that name. #}
{% macro unnested(list, entry) -%}
    cross join unnest({{ list }}) as unnested_list ({{ entry }})
{%- endmacro %}
