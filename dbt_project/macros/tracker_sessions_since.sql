{# How many longest sessions fit between the first event under a tracker's id and a
   moment: a session that a tracker never ends is cut there. #}
{% macro tracker_sessions_since(first_moment, moment) -%}
    floor(
        {{ seconds_between(first_moment, moment) }}
        / ({{ var("longest_tracker_session_hours") }} * 3600.0)
    )
{%- endmacro %}
