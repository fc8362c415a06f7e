{# Whether a regular expression is found anywhere in a text. #}
{% macro matches(text, pattern) -%}
    regexp_matches({{ text }}, '{{ pattern }}')
{%- endmacro %}
