{# Score 1 (least) to 5 (greatest): one more for each quantile that a measure passes.
   `quantile_plus_one` asks it to be at least the quantile plus one, as R's rfm does. #}
{% macro rfm_score(measure) -%}
    {%- set plus_one = var("rfm_binning") == "quantile_plus_one" -%}
    1
    {%- for quantile in ["q1", "q2", "q3", "q4"] %}
    + case
        when
            {{ measure }}
            {{ ">= 1 +" if plus_one else ">" }} {{ measure }}_{{ quantile }}
            then 1
        else 0
    end
    {%- endfor %}
{%- endmacro %}
