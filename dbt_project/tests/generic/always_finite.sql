{# Rows in which one of several numbers is missing, not a number or infinite. #}
{% test always_finite(model, columns) %}

select {{ columns | join(", ") }} from {{ model }}

where
    {% for column in columns %}
    {{ column }} is null
    or not {{ column }} between -1e300 and 1e300
    {% if not loop.last %}or{% endif %}
    {% endfor %}

{% endtest %}
