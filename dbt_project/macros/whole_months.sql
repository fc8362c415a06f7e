{# Months from that of one date to that of another, whatever their days. #}
{% macro whole_months(from_date, to_date) -%}
    cast(
        12 * (extract(year from {{ to_date }}) - extract(year from {{ from_date }}))
        + extract(month from {{ to_date }}) - extract(month from {{ from_date }})
        as integer
    )
{%- endmacro %}
