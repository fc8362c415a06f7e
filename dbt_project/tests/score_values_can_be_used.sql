{# Categories of an unknown part, without a value from 0 to 1, or there twice. #}
select
    part,
    max(category) as category

from {{ ref('score_values') }}

group by
    part,
    {{ event_alias('category') }}

having
    coalesce(part, '') not in ('channels', 'country', 'email_domain', 'age_band')
    or count(*) > 1
    or count(value) < count(*)
    or min(value) < 0
    or max(value) > 1
