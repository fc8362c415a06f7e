with

source as (

    select * from {{ source('ledger', 'checks') }}

),

limits as (

    select * from {{ ref('check_limits') }}

),

named as (

    select
        *,
        split_part(check_name, ':', 1) as check_kind

    from source

),

renamed as (

    select
        -- ids
        named.run_id,

        -- strings
        named.check_name,
        named.severity,
        named.verdict,
        named.explanation,
        named.accepted_because,
        coalesce(limits.reason, limits_of_kind.reason) as limit_reason,

        -- numerics
        named.value,
        named.limit_value

    from named

    left join limits
        on named.check_name = limits.check_name

    left join limits as limits_of_kind
        on named.check_kind = limits_of_kind.check_name

)

select * from renamed
