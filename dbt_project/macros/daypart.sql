{# Part of the day (UTC): night from 0, morning from 6, afternoon from 12, evening 18. #}
{% macro daypart(moment) -%}
    case
        when extract(hour from {{ moment }}) < 6 then 'night'
        when extract(hour from {{ moment }}) < 12 then 'morning'
        when extract(hour from {{ moment }}) < 18 then 'afternoon'
        else 'evening'
    end
{%- endmacro %}
