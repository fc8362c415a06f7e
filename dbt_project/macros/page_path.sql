{# The path of an address, empty where nothing is left of it. Cut by position, since a
   regular expression takes ten times as long. #}
{% macro page_path(address, authority) -%}
    case
        when {{ authority }} is null then {{ address }}
        else
            substr(
                {{ address }}, instr({{ address }}, '//') + 2 + length({{ authority }})
            )
    end
{%- endmacro %}
