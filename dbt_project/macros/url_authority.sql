{# What stands between // and the path of an address: host, perhaps with user and port. #}
{% macro url_authority(address) -%}
    case
        when {{ names_host(address) }} then lower(split_part({{ address }}, '/', 3))
    end
{%- endmacro %}
