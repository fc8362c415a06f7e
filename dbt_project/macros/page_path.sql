{# The path of a URL: no host, no query, no fragment; '/' where nothing is left. #}
{% macro page_path(url) -%}
    coalesce(
        nullif(
            {{ replace_all(
                "split_part(split_part(trim(" ~ url ~ "), '#', 1), '?', 1)",
                "^([A-Za-z][A-Za-z0-9+.-]*:)?//[^/]*",
                ""
            ) }},
            ''
        ),
        case when trim({{ url }}) <> '' then '/' end
    )
{%- endmacro %}
