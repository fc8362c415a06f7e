{# Of how many days before `as_of` it is judged what sources delivered. #}
{% macro days_judged() -%}
    {{ return(14) }}
{%- endmacro %}
