{# The host alone, without `www.`. #}
{% macro authority_host(authority) -%}
    case
        when instr({{ authority }}, ':') > 0 or instr({{ authority }}, '@') > 0
            then nullif(
                regexp_extract({{ authority }}, '^(?:.*@)?(?:www[.])?([^:]+)', 1), ''
            )
        when {{ authority }} like 'www.%' then substr({{ authority }}, 5)
        else nullif({{ authority }}, '')
    end
{%- endmacro %}
