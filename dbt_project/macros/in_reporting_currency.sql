{# An amount in the reporting currency, at `rate` of it for one of its own; null where
   there is no rate, as it is where it says no currency. Where no reporting currency is
   set, nothing is computed. #}
{% macro in_reporting_currency(amount, currency, rate) -%}
    {%- if var("reporting_currency") -%}
    case
        when {{ currency }} <> {{ reporting_currency() }}
            then {{ money("cast(" ~ amount ~ " as double) * " ~ rate) }}
        else {{ amount }}
    end
    {%- else -%}
    {{ amount }}
    {%- endif -%}
{%- endmacro %}
