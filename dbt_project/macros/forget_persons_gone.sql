{# Takes persons out of an incremental model of sessions of whom no event is left. #}
{% macro forget_persons_gone(events) -%}
    {%- if is_incremental() -%}
        delete from {{ this }}
        where
            user_id not in (
                select user_id from {{ events }}
                where {{ makes_session() }} and user_id is not null
            )
    {%- endif -%}
{%- endmacro %}
