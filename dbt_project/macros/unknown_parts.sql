{# How many of some parts are unknown and count. #}
{% macro unknown_parts(parts) -%}
    {%- for part in parts %}
    case when {{ part }}_value is null and {{ part }}_max_points > 0 then 1 else 0 end
    {%- if not loop.last %} +{% endif %}
    {%- endfor %}
{%- endmacro %}
