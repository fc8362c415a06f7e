{# Which of some parameters a URL's query gives a value, as it is written there: the first
   of several, null of none. #}
{% macro named_parameter(url, names) -%}
    nullif(
        regexp_extract({{ url }}, '(?i)[?&]({{ names | join("|") }})=[^&#]', 1), ''
    )
{%- endmacro %}
