{# A list that holds one text. #}
{% macro list_of(value) -%}
    list_value({{ value }})
{%- endmacro %}
