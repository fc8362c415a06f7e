{# The last value that is not null before this row of a named window. #}
{% macro latest_known_before(value, window) -%}
    last_value({{ value }} ignore nulls) over (
        {{ window }} rows between unbounded preceding and 1 preceding
    )
{%- endmacro %}
