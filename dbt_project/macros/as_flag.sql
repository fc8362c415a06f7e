{# A condition as a number, 1 where it holds and 0 elsewhere: clustering reads numbers. #}
{% macro as_flag(condition) -%}
    case when {{ condition }} then 1 else 0 end
{%- endmacro %}
