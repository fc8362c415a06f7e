{# A tag as the seed `channel_words` writes it: paid_social of paid-social. #}
{% macro channel_word(tag) -%}
    replace(replace({{ tag }}, '-', '_'), ' ', '_')
{%- endmacro %}
