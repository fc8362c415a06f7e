{# An id as sent, without surrounding blanks; null where it is empty or spells out that
   there is none, so that 'null' never becomes one very busy person. Four words at most:
   of a longer list DuckDB makes a join that runs even where the column is not read. What
   is longer than any of the words is not looked at (`says_nothing` in
   warehouse/adapters/values.py agrees). #}
{% macro cleaned_id(id) -%}
    {%- set nobody = "('null', 'none', 'nan', 'undefined')" -%}
    case
        when length({{ id }}) < 21 and lower(trim({{ id }})) in {{ nobody }} then null
        when
            namespace <> ''
            and lower(trim(substr({{ id }}, length(namespace) + 2))) in {{ nobody }}
            then null
        else {{ cleaned_text(id) }}
    end
{%- endmacro %}
