{# An amount in the type of all money. Beyond 10^14 it is no price but noise: null. #}
{% macro money(amount) -%}
    try_cast({{ amount }} as decimal(18, 4))
{%- endmacro %}
