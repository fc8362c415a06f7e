{# A country as sent; two-letter codes in capitals. #}
{% macro cleaned_country(country) -%}
    case
        when length(trim({{ country }})) = 2 then upper(trim({{ country }}))
        else {{ cleaned_text(country) }}
    end
{%- endmacro %}
