{# The path of an address, '/' where nothing is left of it. Cut by position, since a
   regular expression takes ten times as long. #}
{% macro page_path(address, authority) -%}
    case
        when {{ address }} is null then null
        when {{ authority }} is null then coalesce(nullif({{ address }}, ''), '/')
        else coalesce(
            nullif(
                substr(
                    {{ address }},
                    instr({{ address }}, '//') + 2 + length({{ authority }})
                ),
                ''
            ),
            '/'
        )
    end
{%- endmacro %}
