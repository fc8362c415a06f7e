{# A table or a view takes the place of the one of its name within one transaction.
   dbt's own way, which suits every engine, makes it under another name, renames both
   and drops the old one: three calls more, each as long as a small query. #}

{% materialization table, adapter='duckdb' %}
    {%- set relation = this.incorporate(type='table') -%}
    {%- set definition = create_table_as(false, relation, compiled_code) -%}
    {{ return({'relations': replaced(relation, definition)}) }}
{% endmaterialization %}

{% materialization view, adapter='duckdb' %}
    {%- set relation = this.incorporate(type='view') -%}
    {%- set definition = get_create_view_as_sql(relation, sql) -%}
    {{ return({'relations': replaced(relation, definition)}) }}
{% endmaterialization %}

{% macro replaced(relation, definition) %}
    {%- set existing = load_cached_relation(relation) -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% call statement('main') -%}
        {% if existing is not none %}drop {{ existing.type }} {{ existing }};{% endif %}
        {{ definition }}
    {%- endcall %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return([relation]) }}
{% endmacro %}
