{# A device type as the tracker sent it, in our words; null where none was sent. Lists of
   four at most: DuckDB makes a join of a longer one. #}
{% macro sent_device(device_type) -%}
    case
        when {{ device_type }} is null then null
        when
            lower({{ device_type }}) in ('mobile', 'phone', 'smartphone', 'app')
            or lower({{ device_type }}) in ('ios', 'iphone', 'android', 'mobile app')
            or lower({{ device_type }}) in ('mobile web', 'mobile phone')
            then 'mobile'
        when
            lower({{ device_type }}) in ('desktop', 'computer', 'laptop', 'pc')
            or lower({{ device_type }}) = 'web'
            then 'desktop'
        when lower({{ device_type }}) in ('tablet', 'ipad') then 'tablet'
        when lower({{ device_type }}) in ('tv', 'smart tv', 'smarttv', 'ctv') then 'tv'
        when lower({{ device_type }}) = 'connected tv' then 'tv'
        else 'other'
    end
{%- endmacro %}
