{# Rows in which a number is below `least` or above `greatest`; both may be left out. #}
{% test in_range(model, column_name, least='null', greatest='null') %}

select {{ column_name }} from {{ model }}

where
    {{ column_name }} < {{ least }}
    or {{ column_name }} > {{ greatest }}

{% endtest %}
