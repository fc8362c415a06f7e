{# An event's name reduced to letters and digits: 'Order Completed', 'order_completed'
   and 'orderCompleted' are one alias. #}
{% macro event_alias(event_name) -%}
    {{ replace_all("lower(" ~ event_name ~ ")", "[^a-z0-9]", "") }}
{%- endmacro %}
