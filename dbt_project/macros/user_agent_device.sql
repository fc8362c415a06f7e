{# The kind of device that a user agent names: tv, tablet, mobile, desktop or other. #}
{% macro user_agent_device(user_agent) -%}
    case
        when {{ user_agent }} is null then null
        when
            {{ matches(
                "lower(" ~ user_agent ~ ")",
                "smart-?tv|apple ?tv|google ?tv|hbbtv|roku|bravia|crkey|netcast|web0s|"
                ~ " aft[a-z]+ "
            ) }}
            then 'tv'
        when
            {{ matches("lower(" ~ user_agent ~ ")", "ipad|tablet|kindle|silk/|playbook") }}
            or (
                lower({{ user_agent }}) like '%android%'
                and lower({{ user_agent }}) not like '%mobi%'
            )
            then 'tablet'
        when
            {{ matches(
                "lower(" ~ user_agent ~ ")",
                "mobi|iphone|ipod|android|blackberry|opera mini|windows phone"
            ) }}
            then 'mobile'
        when
            {{ matches(
                "lower(" ~ user_agent ~ ")", "windows|macintosh|mac os x|linux|x11|cros "
            ) }}
            then 'desktop'
        else 'other'
    end
{%- endmacro %}
