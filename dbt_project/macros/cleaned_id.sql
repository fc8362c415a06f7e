{# An id as sent, without surrounding blanks; null where it is empty or spells out that
   there is none, so that 'null' never becomes one very busy person. #}
{% macro cleaned_id(id) -%}
    case
        when {{ spells_out_nobody(id) }} then null
        when
            namespace <> ''
            and {{ spells_out_nobody("substr(" ~ id ~ ", length(namespace) + 2)") }}
            then null
        else {{ cleaned_text(id) }}
    end
{%- endmacro %}
