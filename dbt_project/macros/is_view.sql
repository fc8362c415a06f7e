{# Whether an event is something to look at that was asked for; null for no type. Pings of
   an open page, clicks and what a list shows are no views. #}
{% macro is_view(event_type) -%}
    {{ event_type }} in ('page_view', 'product_view', 'search')
{%- endmacro %}
