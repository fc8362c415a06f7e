{# Persons of whom an incremental model has no row: who is new, or was forgotten because
   other events are there. Who has no fingerprint has nothing that the model is made of. #}
{% macro persons_touched(fingerprint) -%}
    select
        persons.user_id,
        persons.{{ fingerprint }}

    from {{ ref('int_person_events_summarized') }} as persons

    {% if is_incremental() %}
        anti join {{ this }} as built
            on persons.user_id = built.user_id
    {% endif %}

    where persons.{{ fingerprint }} is not null
{%- endmacro %}
