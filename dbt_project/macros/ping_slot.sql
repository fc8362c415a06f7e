{# Which span between two pings a moment is in, counted from 1970: pings that are sent
   twice, or late and all at once, are in one. #}
{% macro ping_slot(moment, every_seconds) -%}
    floor({{ seconds_since_1970(moment) }} / {{ every_seconds }})
{%- endmacro %}
