{# A country as sent; two-letter codes in capitals. #}
{% macro cleaned_country(country) -%}
    case
        when length({{ country }}) = 2 then upper({{ country }})
        else {{ cleaned_text(country) }}
    end
{%- endmacro %}
