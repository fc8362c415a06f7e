{# Rows with a number that its column's `meta` denies: below `least`, above `greatest`,
   not finite, or not what it is `imputed_by` where its `flag` is 0. #}
{% test as_described(model) %}

with

judged as (

    select
        *,
        concat_ws(
            ', '
            {% for name, column in described_columns(model).items() if "least" in column.meta %}
            , case
                when coalesce(
                    {{ name }} between {{ column.meta.least }}
                    and {{ column.meta.get("greatest", 1e300) }}
                    {% if "flag" in column.meta %}
                    and ({{ column.meta.flag }} = 1 or {{ name }} = {{ column.meta.imputed_by }})
                    {% endif %},
                    false
                )
                    then null
                else '{{ name }}'
            end
            {% endfor %}
        ) as faults

    from {{ model }}

)

select * from judged

where faults <> ''

{% endtest %}
