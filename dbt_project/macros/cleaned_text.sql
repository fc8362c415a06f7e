{# A text without its surrounding blanks; null where nothing is left. Most have none, and
   looking is ten times as fast as trimming (5M ids, 2026-11). #}
{% macro cleaned_text(text) -%}
    case
        when {{ text }} like ' %' or {{ text }} like '% ' or {{ text }} = ''
            then nullif(trim({{ text }}), '')
        else {{ text }}
    end
{%- endmacro %}
