{# Several columns as one value, to be hashed or looked into later. #}
{% macro record_of(columns) -%}
    struct_pack(
        {%- for column in columns %}
        {{ column }} := {{ column }}{{ "," if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}
