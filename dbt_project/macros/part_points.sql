{# The points that a part's value brings, of those that its best value would. #}
{% macro part_points(part) -%}
    cast(
        round(
            coalesce({{ part }}_value, {{ part }}_when_unknown) * {{ part }}_max_points, 2
        ) as decimal(5, 2)
    ) as {{ part }}_points
{%- endmacro %}
