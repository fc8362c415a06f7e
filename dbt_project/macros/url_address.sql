{# A URL up to its query or fragment. Most have neither, and looking is faster than
   splitting. #}
{% macro url_address(url) -%}
    case
        when instr({{ url }}, '?') > 0 or instr({{ url }}, '#') > 0
            then split_part(split_part({{ url }}, '?', 1), '#', 1)
        else {{ url }}
    end
{%- endmacro %}
