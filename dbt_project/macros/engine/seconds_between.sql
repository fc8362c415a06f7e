{# Whole seconds from one timestamp to a later one; what is over a second is cut off. #}
{% macro seconds_between(start, end) -%}
    ((epoch_us({{ end }}) - epoch_us({{ start }})) // 1000000)
{%- endmacro %}
