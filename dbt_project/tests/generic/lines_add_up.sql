{# Files whose lines are not all accounted for. #}
{% test lines_add_up(model) %}

select * from {{ model }}

where n_lines <> n_accepted + n_duplicate + n_quarantined + n_blank

{% endtest %}
