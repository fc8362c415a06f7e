{# Which events make sessions: what people do, and not what happens to their e-mails. #}
{% macro makes_session() -%}
    not is_bot
    and not is_email_event
{%- endmacro %}
