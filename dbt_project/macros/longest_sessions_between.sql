{# How many longest sessions fit between a session's first event and a later moment: one
   that never pauses is cut there. #}
{% macro longest_sessions_between(first_moment, moment, longest_seconds) -%}
    floor(
        cast({{ seconds_between(first_moment, moment) }} as double)
        / {{ longest_seconds }}
    )
{%- endmacro %}
