{# The name of a URL's click id, null without one: never its value, which is of one click
   of one person. What only a campaign puts on a link comes before what any link may
   carry. The names are those of the seed `click_ids`. #}
{% macro click_id(url) -%}
    case
        when instr({{ url }}, '?') > 0
            then lower(coalesce(
                {{ named_parameter(url, [
                    "_hsenc", "_kx", "awc", "bd_vid", "cjevent", "dclid", "dicbo", "epik",
                    "gad_campaignid", "gad_source", "gbraid", "gclid", "irclickid",
                    "ldtag_cl", "li_fat_id", "mc_cid", "mc_eid", "mkt_tok", "msclkid",
                    "obclid", "qclid", "ransiteid", "rb_clickid", "rdt_cid", "sccid",
                    "sscid", "tblci", "tduid", "ttclid", "twclid", "wbraid", "yclid"
                ]) }},
                {{ named_parameter(url, [
                    "fbclid", "igsh", "igshid", "srsltid", "ysclid"
                ]) }}
            ))
    end
{%- endmacro %}
