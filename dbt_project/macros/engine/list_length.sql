{# How many entries a list has; 0 where there is none. #}
{% macro list_length(list) -%}
    coalesce(len({{ list }}), 0)
{%- endmacro %}
