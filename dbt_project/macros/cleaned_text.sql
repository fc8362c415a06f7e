{# A text without its surrounding blanks; null where nothing is left. #}
{% macro cleaned_text(text) -%}
    nullif(trim({{ text }}), '')
{%- endmacro %}
