{# The last value that is not null up to and with this row of a named window. #}
{% macro latest_known(value, window) -%}
    last_value({{ value }} ignore nulls) over (
        {{ window }} rows between unbounded preceding and current row
    )
{%- endmacro %}
