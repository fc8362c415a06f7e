{# An id as sent, without surrounding blanks; null where it is empty or spells out that
   there is none, so that 'null' never becomes one very busy person. Four words at most:
   of a longer list DuckDB makes a join that runs even where the column is not read. Most
   ids are longer than any of the words, and are not looked at: half the time of all. #}
{% macro cleaned_id(id) -%}
    {%- set nobody = "('null', 'none', 'nan', 'undefined')" -%}
    case
        when length({{ id }}) < 10 and lower({{ id }}) in {{ nobody }} then null
        when
            namespace <> ''
            and lower(substr({{ id }}, length(namespace) + 2)) in {{ nobody }}
            then null
        else {{ cleaned_text(id) }}
    end
{%- endmacro %}
