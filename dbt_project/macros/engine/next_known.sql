{# The first value that is not null from this row of a named window on. #}
{% macro next_known(value, window) -%}
    first_value({{ value }} ignore nulls) over (
        {{ window }} rows between current row and unbounded following
    )
{%- endmacro %}
