{# Rows in which one of several columns is missing. One test for all columns of a model:
   a test costs dbt as much time as what it asks costs the warehouse, and more. #}
{% test never_null(model, columns) %}

select {{ columns | join(", ") }} from {{ model }}

where {{ columns | join(" is null or ") }} is null

{% endtest %}
