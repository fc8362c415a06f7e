{# The ten years of age that somebody born in a year is in, as of the run: '30-39'. #}
{% macro age_band(birth_year) -%}
    {%- set age = "(extract(year from " ~ as_of() ~ ") - " ~ birth_year ~ ")" -%}
    {%- set tens = "cast(floor(" ~ age ~ " / 10) as int)" -%}
    case
        when {{ age }} between 0 and 89
            then concat({{ tens }}, '0-', {{ tens }}, '9')
        when {{ age }} between 90 and 120 then '90+'
    end
{%- endmacro %}
