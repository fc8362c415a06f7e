{# Takes persons out of an incremental model who are not there any more, or of whom other
   events are there than those that their rows here were made of. The model then makes
   those of whom it has no row (`persons_touched`), so that a build that is killed in
   between loses nothing. Not every engine deletes by a question about another table:
   Delta merges. #}
{% macro forget_persons_changed(fingerprint) -%}
    {%- if is_incremental() -%}
        delete from {{ this }}
        where
            not exists (
                select 1 from {{ ref('int_person_events_summarized') }} as persons
                where
                    persons.user_id = {{ this }}.user_id
                    and persons.{{ fingerprint }} = {{ this }}.{{ fingerprint }}
            )
    {%- endif -%}
{%- endmacro %}
