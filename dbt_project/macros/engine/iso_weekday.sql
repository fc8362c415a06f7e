{# Day of the week of a date, 1 (Monday) to 7 (Sunday). #}
{% macro iso_weekday(day) -%}
    isodow({{ day }})
{%- endmacro %}
