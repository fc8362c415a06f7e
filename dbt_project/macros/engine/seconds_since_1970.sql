{# Whole seconds from 1970 to a timestamp in UTC; what is over a second is cut off. #}
{% macro seconds_since_1970(moment) -%}
    (epoch_us({{ moment }}) // 1000000)
{%- endmacro %}
