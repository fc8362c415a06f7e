{# A device type as the tracker sent it, in our words; null where none was sent. #}
{% macro sent_device(device_type) -%}
    case
        when {{ device_type }} is null then null
        when
            lower({{ device_type }}) in (
                'mobile', 'phone', 'smartphone', 'mobile phone', 'mob', 'ios', 'iphone',
                'android', 'mobile app', 'mobile web', 'app'
            )
            then 'mobile'
        when
            lower({{ device_type }}) in ('desktop', 'computer', 'pc', 'laptop', 'web')
            then 'desktop'
        when lower({{ device_type }}) in ('tablet', 'ipad') then 'tablet'
        when
            lower({{ device_type }}) in ('tv', 'smart tv', 'smarttv', 'connected tv', 'ctv')
            then 'tv'
        else 'other'
    end
{%- endmacro %}
