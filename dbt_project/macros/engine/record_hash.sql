{# A hash of everything that a record of columns holds. #}
{% macro record_hash(record) -%}
    md5(cast(to_json({{ record }}) as string))
{%- endmacro %}
