{# Whether an address begins with a scheme and a host, or with a host alone (//host). #}
{% macro names_host(address) -%}
    ({{ address }} like '//%' or ({{ address }} like '%://%' and {{ address }} not like '/%'))
{%- endmacro %}
