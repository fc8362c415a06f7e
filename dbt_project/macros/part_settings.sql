{# How one part of a score counts, as three columns: the points of its best value, the sign
   that makes more of its measure better, and its value when unknown. #}
{% macro part_settings(part) -%}
    max(case when part = '{{ part }}' then max_points end) as {{ part }}_max_points,
    max(
        case when part = '{{ part }}' then case direction when 'lower' then -1 else 1 end end
    ) as {{ part }}_sign,
    max(case when part = '{{ part }}' then when_unknown end) as {{ part }}_when_unknown
{%- endmacro %}
