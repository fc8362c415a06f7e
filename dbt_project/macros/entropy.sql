{# Shannon's entropy of parts that add up to one, in bits; rounded, since the order of a
   sum of doubles would show in its last digits. #}
{% macro entropy(part) -%}
    abs(round(sum({{ part }} * ln({{ part }})) / ln(2), 9))
{%- endmacro %}
