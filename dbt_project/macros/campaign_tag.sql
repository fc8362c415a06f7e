{# A tag of a link in lower case; null where it spells out that there is none. #}
{% macro campaign_tag(tag) -%}
    case
        when lower({{ tag }}) in ('(not set)', '(none)', 'none')
            or lower({{ tag }}) in ('null', 'undefined', 'nan')
            then null
        else lower({{ without_addresses(url_decoded(tag)) }})
    end
{%- endmacro %}
