{# The number of values times the sum of their squared deviations from their mean. Made of
   whole numbers, whose sums are the same in any order: those of a standard deviation
   are not. #}
{% macro count_times_squares(n_values, total, total_of_squares) -%}
    greatest({{ n_values }} * {{ total_of_squares }} - {{ total }} * {{ total }}, 0)
{%- endmacro %}
