{# Whether an id says in a word that there is none; `says_nothing` in
   warehouse/adapters/values.py asks the same. Four words at most: of a longer list DuckDB
   makes a join that runs even where the column is not read. All have an n, and few short
   ids do: to look for it first takes half the time. #}
{% macro spells_out_nobody(id) -%}
    length({{ id }}) < 21
    and ({{ id }} like '%n%' or {{ id }} like '%N%')
    and lower(trim(translate({{ id }}, chr(9) || chr(10) || chr(12) || chr(13), '    ')))
    in ('null', 'none', 'nan', 'undefined')
{%- endmacro %}
