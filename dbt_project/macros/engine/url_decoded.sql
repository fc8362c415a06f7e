{# A text of a URL with its %-signs read; as it is where they are none. #}
{% macro url_decoded(text) -%}
    coalesce(try(url_decode({{ text }})), {{ text }})
{%- endmacro %}
