{# The channel of a visit, from its source and medium in lower case; trackers that send
   one word alone ('social', 'paid_search') say it in either. #}
{% macro traffic_channel(source, medium) -%}
    case
        when {{ source }} is null and {{ medium }} is null then null
        when
            coalesce({{ medium }}, {{ source }}) in ('direct', '(direct)', '(none)', 'none')
            then 'direct'
        when
            coalesce({{ medium }}, {{ source }})
            in ('email', 'e-mail', 'mail', 'newsletter', 'crm')
            then 'email'
        when
            coalesce({{ medium }}, {{ source }}) in (
                'paid_social', 'paid-social', 'paid social', 'paidsocial', 'social_paid',
                'cpc_social'
            )
            or (
                {{ medium }} in ('cpc', 'ppc', 'paid', 'cpm')
                and {{ source }} in (
                    'facebook', 'fb', 'instagram', 'ig', 'meta', 'tiktok', 'twitter', 'x',
                    'linkedin', 'pinterest', 'snapchat', 'reddit'
                )
            )
            then 'paid_social'
        when
            coalesce({{ medium }}, {{ source }}) in (
                'cpc', 'ppc', 'sem', 'paid', 'paid_search', 'paid-search', 'paid search',
                'paidsearch', 'search_paid', 'adwords', 'google_ads', 'bing_ads'
            )
            then 'paid_search'
        when
            coalesce({{ medium }}, {{ source }}) in (
                'display', 'banner', 'cpm', 'programmatic', 'retargeting', 'remarketing'
            )
            then 'display'
        when
            coalesce({{ medium }}, {{ source }}) in ('affiliate', 'affiliates', 'partner')
            then 'affiliate'
        when
            coalesce({{ medium }}, {{ source }})
            in ('organic', 'organic_search', 'organic search', 'organic-search', 'seo')
            then 'organic_search'
        when
            coalesce({{ medium }}, {{ source }}) in (
                'social', 'organic_social', 'organic social', 'social-network',
                'social_media', 'social media', 'sm'
            )
            then 'organic_social'
        when coalesce({{ medium }}, {{ source }}) in ('sms', 'text') then 'sms'
        when
            coalesce({{ medium }}, {{ source }}) in ('push', 'web_push', 'notification')
            then 'push'
        when
            coalesce({{ medium }}, {{ source }}) in ('video', 'youtube_ads') then 'video'
        when coalesce({{ medium }}, {{ source }}) in ('referral', 'link') then 'referral'
        else 'other'
    end
{%- endmacro %}
