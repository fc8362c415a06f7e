with

pairs as (

    select * from {{ ref('int_identifiers_paired') }}

),

pairs_ranked as (

    select
        anonymous_id,
        user_id,
        match_rule,
        count(*) over (partition by anonymous_id) as n_users,
        row_number() over (
            partition by anonymous_id
            order by
                last_seen_at desc nulls last,
                user_id asc
        ) as user_rank

    from pairs

),

latest as (

    select
        anonymous_id,
        user_id,
        match_rule,
        n_users > 1 as is_shared

    from pairs_ranked

    where user_rank = 1

)

select * from latest
