{# The quantile at so many fifths of a measure, interpolated linearly. Between two
   amounts of four decimals it has five: rounded to those it is exact, and a value that
   equals it does so on every engine. #}
{% macro fifth(measure, fifths) -%}
    cast(
        percentile_cont({{ fifths / 5 }}) within group (
            order by cast({{ measure }} as double)
        ) as decimal(20, 5)
    )
{%- endmacro %}
