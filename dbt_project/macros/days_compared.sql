{# How many days before `as_of` are looked at for that: each stands beside the eight weeks
   before it. #}
{% macro days_compared() -%}
    {{ days_judged() + 56 }}
{%- endmacro %}
