{# What a site is called whatever its country: google of google.co.uk. Names of one or
   two letters say nothing without their ending: t.co. #}
{% macro site_name(domain) -%}
    case
        when length(split_part({{ domain }}, '.', 1)) < 3 then {{ domain }}
        else split_part({{ domain }}, '.', 1)
    end
{%- endmacro %}
