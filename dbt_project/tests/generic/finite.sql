{# Rows in which a number is missing, not a number or infinite. #}
{% test finite(model, column_name) %}

select {{ column_name }} from {{ model }}

where
    {{ column_name }} is null
    or not {{ column_name }} between -1e300 and 1e300

{% endtest %}
