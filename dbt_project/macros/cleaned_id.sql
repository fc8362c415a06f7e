{# An id as sent, without surrounding blanks; null where it is empty or spells out that
   there is none, so that 'null' never becomes one very busy person. Four words at most:
   of a longer list DuckDB makes a join that runs even where the column is not read. #}
{% macro cleaned_id(id) -%}
    case
        when
            lower(
                case
                    when namespace = '' then {{ id }}
                    else substr({{ id }}, length(namespace) + 2)
                end
            ) in ('null', 'none', 'nan', 'undefined')
            then null
        else {{ cleaned_text(id) }}
    end
{%- endmacro %}
