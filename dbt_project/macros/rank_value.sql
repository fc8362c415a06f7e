{# A measure as a part's value: the share, 0 to 1, of the others of whom it is known that
   it is ahead of. Who is equal shares the lower rank. #}
{% macro rank_value(measure) -%}
    cast(
        round(
            case
                when {{ measure }} is not null
                    then
                        percent_rank() over (
                            partition by {{ measure }} is null
                            order by {{ measure }}
                        )
            end,
            4
        ) as decimal(5, 4)
    )
{%- endmacro %}
