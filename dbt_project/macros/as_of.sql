{# The moment before which everything counts. #}
{% macro as_of() -%}
    timestamp '{{ var("as_of") }}'
{%- endmacro %}
