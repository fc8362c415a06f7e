{# How long pages were looked at that pinged in so many slots: the first ping of a page
   comes sooner than the next. #}
{% macro pinged_seconds(n_slots, n_pages, first_after_seconds, every_seconds) -%}
    {{ every_seconds }} * ({{ n_slots }} - {{ n_pages }})
    + {{ first_after_seconds }} * {{ n_pages }}
{%- endmacro %}
