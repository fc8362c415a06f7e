{# The median of a number over the frame of a named window. #}
{% macro window_median(number, window) -%}
    median({{ number }}) over {{ window }}
{%- endmacro %}
