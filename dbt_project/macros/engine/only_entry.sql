{# A field of the entry of a list that has just one; else null. #}
{% macro only_entry(list, field) -%}
    case when {{ list_length(list) }} = 1 then {{ list }}[1].{{ field }} end
{%- endmacro %}
