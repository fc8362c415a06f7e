{# A text in which whatever looks like an e-mail address is blotted out. #}
{% macro without_addresses(text) -%}
    case
        when instr({{ text }}, '@') > 0 or instr({{ text }}, '%40') > 0
            then {{ replace_all(
                text, "[^/=&@ ]+(@|%40)[^/=&@ ]+[.][A-Za-z]+", "[address]"
            ) }}
        else {{ text }}
    end
{%- endmacro %}
