{# A text in which whatever looks like an e-mail address is blotted out. #}
{% macro without_addresses(text) -%}
    case
        when {{ text }} like '%@%' or {{ text }} like '%~%40%' escape '~'
            then {{ replace_all(text, "[^/=&@ ]+(@|%40)[^/=&@ ]+[.][A-Za-z]+", "[address]") }}
        else {{ text }}
    end
{%- endmacro %}
