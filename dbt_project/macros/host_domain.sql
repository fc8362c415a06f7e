{# The registered domain of a host: google.co.uk of news.google.co.uk, near enough
   without a list of all public suffixes; the host itself where it has no dot. #}
{% macro host_domain(host) -%}
    coalesce(
        nullif(
            regexp_extract(
                {{ host }},
                '[a-z0-9-]+[.](?:(?:com|co|org|net|gov|edu|ac)[.])?[a-z]+$',
                0
            ),
            ''
        ),
        {{ host }}
    )
{%- endmacro %}
