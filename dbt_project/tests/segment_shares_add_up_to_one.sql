{# The sum of the shares, if there are segments and it is not 1 but for rounding. #}
select sum(share) as total from {{ ref('segment_catalog') }}

having abs(sum(share) - 1) > 1e-9
