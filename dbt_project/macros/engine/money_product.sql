{# Quantity times price as money. DuckDB multiplies decimals of up to 18 digits in 64 bits
   and fails beyond 9.2e10: one digit more, and it takes 128. #}
{% macro money_product(quantity, price) -%}
    {{ money(
        "cast(" ~ quantity ~ " as decimal(19, 4)) * cast(" ~ price ~ " as decimal(19, 4))"
    ) }}
{%- endmacro %}
