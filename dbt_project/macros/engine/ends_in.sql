{# Whether a text ends in another. #}
{% macro ends_in(text, ending) -%}
    ends_with({{ text }}, {{ ending }})
{%- endmacro %}
