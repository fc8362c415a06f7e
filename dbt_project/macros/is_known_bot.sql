{# Whether a user agent names itself a robot: bot, crawler, spider, a page preview, a
   monitor or a browser without a screen. CUBOT is a make of phone. The libraries of
   HTTP clients (python-requests, okhttp, Java) are no robots here: servers send events
   of real people with them. #}
{% macro is_known_bot(user_agent) -%}
    coalesce(
        {{ matches(
            "replace(lower(" ~ user_agent ~ "), 'cubot', '')",
            "bot|crawl|spider|slurp|monitor|headless|phantomjs|lighthouse|pingdom"
            ~ "|gtmetrix|facebookexternalhit|mediapartners-google|feedfetcher"
            ~ "|googleother|statuscake|site24x7"
        ) }},
        false
    )
{%- endmacro %}
