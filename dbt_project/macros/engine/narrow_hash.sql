{# A whole number of 64 bits for columns: to group by instead of them, where few have the
   same, and to tell that something has changed. On Spark it is xxhash64. #}
{% macro narrow_hash(columns) -%}
    hash({{ columns | join(', ') }})
{%- endmacro %}
