{# Whether two hosts are one, or one is below the other: pay.a.example and a.example. #}
{% macro is_same_site(host, other_host) -%}
    (
        {{ host }} = {{ other_host }}
        or {{ ends_in(host, "'.' || " ~ other_host) }}
        or {{ ends_in(other_host, "'.' || " ~ host) }}
    )
{%- endmacro %}
