{# Leaves of a relation what is of `persons_touched`; a build from nothing takes all. #}
{% macro of_persons_touched(relation) -%}
    {%- if is_incremental() -%}
        semi join persons_touched
            on {{ relation }}.user_id = persons_touched.user_id
    {%- endif -%}
{%- endmacro %}
