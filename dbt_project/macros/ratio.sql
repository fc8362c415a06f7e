{# A number per another, as a double; `otherwise` where there is none of the other. #}
{% macro ratio(numerator, denominator, otherwise=0) -%}
    coalesce(
        cast({{ numerator }} as double) / nullif(cast({{ denominator }} as double), 0),
        {{ otherwise }}
    )
{%- endmacro %}
