{# What the .yml beside a model says of its columns, by name. #}
{% macro described_columns(relation) -%}
    {%- set model_id = "model.tessera." ~ relation.identifier -%}
    {{ return(graph.nodes[model_id].columns if execute else {}) }}
{%- endmacro %}
