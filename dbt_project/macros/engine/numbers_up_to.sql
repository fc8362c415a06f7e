{# The list of whole numbers from 0 to one, that one included. #}
{% macro numbers_up_to(greatest_number) -%}
    generate_series(0, {{ greatest_number }})
{%- endmacro %}
