{# The date that is a number of days after another. #}
{% macro days_later(day, n_days) -%}
    ({{ day }} + cast({{ n_days }} as integer))
{%- endmacro %}
