{# The date so many months after the first of a month. #}
{% macro months_later(first_of_month, n_months) -%}
    cast({{ first_of_month }} + to_months({{ n_months }}) as date)
{%- endmacro %}
