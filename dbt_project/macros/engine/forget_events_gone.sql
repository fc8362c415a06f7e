{# Takes events out of an incremental model that are not there any more: copies of what
   was received before, and those of files that were replaced or of later days. #}
{% macro forget_events_gone(events, copies) -%}
    {%- if is_incremental() -%}
        delete from {{ this }}
        where
            event_key not in (select event_key from {{ events }})
            or event_key in (select event_key from {{ copies }} where copy_number > 1)
    {%- endif -%}
{%- endmacro %}
