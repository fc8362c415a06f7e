{# The code of a currency in capitals; null where none was sent. What is no code, such
   as a sign, stays as it is: it has no rate. #}
{% macro cleaned_currency(currency) -%}
    case
        when lower({{ currency }}) in ('null', 'none', 'nan', 'undefined') then null
        else upper({{ cleaned_text(currency) }})
    end
{%- endmacro %}
