{# A URL up to its query or fragment. #}
{% macro url_address(url) -%}
    split_part(split_part({{ url }}, '?', 1), '#', 1)
{%- endmacro %}
