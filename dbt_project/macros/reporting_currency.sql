{# The code of the currency that all amounts are told in; null where none is set, which
   makes every comparison with it null. #}
{% macro reporting_currency() -%}
    {%- if var("reporting_currency") -%}
    '{{ var("reporting_currency") }}'
    {%- else -%}
    cast(null as string)
    {%- endif -%}
{%- endmacro %}
