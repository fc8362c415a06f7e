{# What of a pause between two events counts as time engaged, in seconds. #}
{% macro engaged_pause(idle_seconds) -%}
    case
        when {{ idle_seconds }} > {{ var("engaged_gap_seconds") }}
            then {{ var("engaged_gap_seconds") }}
        else {{ idle_seconds }}
    end
{%- endmacro %}
