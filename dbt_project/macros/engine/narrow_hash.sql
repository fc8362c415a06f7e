{# A whole number for several columns, to group by instead of them: few have the same. #}
{% macro narrow_hash(columns) -%}
    hash({{ columns | join(', ') }})
{%- endmacro %}
