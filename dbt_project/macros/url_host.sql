{# The host of a URL, in lower case and without `www.`; null where it names none. #}
{% macro url_host(url) -%}
    nullif(
        regexp_extract(
            lower(trim({{ url }})),
            '^(?:[a-z][a-z0-9+.-]*:)?//(?:[^/?#@]*@)?(?:www[.])?([^/?#:]+)',
            1
        ),
        ''
    )
{%- endmacro %}
