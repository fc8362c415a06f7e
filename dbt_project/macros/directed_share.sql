{# A share from 0 to 1 as a part's value: what lacks to 1 where less is better. #}
{% macro directed_share(share) -%}
    cast(
        round(
            case when {{ share }}_sign < 0 then 1 - {{ share }} else {{ share }} end, 4
        ) as decimal(5, 4)
    )
{%- endmacro %}
