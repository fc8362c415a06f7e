{# The two sums, if they differ: of `expression` over this model and of `to_expression`
   over the model `to`. Each side may be narrowed by a condition. #}
{% test sums_agree(
    model, expression, to, to_expression=none, condition="true", to_condition="true"
) %}

with

summed as (

    select coalesce(sum({{ expression }}), 0) as here from {{ model }}

    where {{ condition }}

),

summed_there as (

    select coalesce(sum({{ to_expression or expression }}), 0) as there from {{ to }}

    where {{ to_condition }}

)

select
    summed.here,
    summed_there.there

from summed

cross join summed_there

where summed.here <> summed_there.there

{% endtest %}
