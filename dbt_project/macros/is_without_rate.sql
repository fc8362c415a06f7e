{# Whether what a row states in money cannot be told in the reporting currency. #}
{% macro is_without_rate(currency, rate) -%}
    {%- if var("reporting_currency") -%}
    coalesce({{ currency }} <> {{ reporting_currency() }} and {{ rate }} is null, false)
    {%- else -%}
    false
    {%- endif -%}
{%- endmacro %}
