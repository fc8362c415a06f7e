{# Persons without a segment, where others have one. #}
with

persons as (

    select * from {{ ref('users') }}

),

segmented as (

    select * from {{ ref('user_segments') }}

),

segmented_counted as (

    select count(*) as n_segmented from segmented

)

select persons.user_id from persons

cross join segmented_counted

left join segmented
    on persons.user_id = segmented.user_id

where
    segmented.user_id is null
    and segmented_counted.n_segmented > 0
