{# A list of items with the price of each in the reporting currency, as
   `in_reporting_currency` has it. #}
{% macro items_in_reporting_currency(items, currency, rate) -%}
    {%- if var("reporting_currency") -%}
    case
        when {{ currency }} <> {{ reporting_currency() }}
            then list_transform(
                {{ items }},
                lambda item: struct_update(
                    item,
                    price := {{ money("cast(item.price as double) * " ~ rate) }}
                )
            )
        else {{ items }}
    end
    {%- else -%}
    {{ items }}
    {%- endif -%}
{%- endmacro %}
