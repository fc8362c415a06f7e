{# An id as sent; null where it is empty or spells out that there is none, so that
   'null' never becomes one very busy person. A namespace's prefix hides no such word. #}
{% macro cleaned_id(id) -%}
    case
        when
            lower(trim(substr(
                {{ id }},
                case when namespace = '' then 1 else length(namespace) + 2 end
            ))) in ('', 'null', 'none', 'nan', 'undefined')
            then null
        else trim({{ id }})
    end
{%- endmacro %}
