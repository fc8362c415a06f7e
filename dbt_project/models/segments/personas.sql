with

personas_described as (

    select * from {{ ref('stg_ml__personas') }}

),

assigned as (

    select * from {{ ref('stg_ml__user_segments') }}

),

members_counted as (

    select
        persona_id,
        count(*) as n_users

    from assigned

    group by persona_id

),

personas_sized as (

    select
        -- ids
        personas_described.persona_id,

        -- strings
        personas_described.persona_name,
        personas_described.narrative,
        personas_described.traits,

        -- numerics
        cast(coalesce(members_counted.n_users, 0) as bigint) as n_users

    from personas_described

    left join members_counted
        on personas_described.persona_id = members_counted.persona_id

)

select * from personas_sized
