{# The value of one parameter in a URL's query or fragment, null where it is absent. #}
{% macro url_parameter(url, name) -%}
    case
        when instr({{ url }}, '{{ name }}=') > 0
            then nullif(replace(
                regexp_extract({{ url }}, '[?&#]{{ name }}=([^&#]*)', 1), '+', ' '
            ), '')
    end
{%- endmacro %}
