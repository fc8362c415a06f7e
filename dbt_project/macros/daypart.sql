{# Part of the day (UTC); night, morning, afternoon and evening are six hours each. #}
{% macro daypart(moment) -%}
    case
        when extract(hour from {{ moment }}) < 6 then 'night'
        when extract(hour from {{ moment }}) < 12 then 'morning'
        when extract(hour from {{ moment }}) < 18 then 'afternoon'
        else 'evening'
    end
{%- endmacro %}
