with

profile_values as (

    select * from {{ ref('int_profile_values_listed') }}

),

rules as (

    select * from {{ ref('profile_field_rules') }}

),

-- Of most fields a person has one value, from one source: only the others are ranked.
fields_disputed as (

    select
        user_id,
        field

    from profile_values

    group by
        user_id,
        field

    having count(*) > 1

),

disputed as (

    select profile_values.* from profile_values

    semi join fields_disputed
        on
            profile_values.user_id = fields_disputed.user_id
            and profile_values.field = fields_disputed.field

),

values_summed as (

    select
        user_id,
        field,
        value,
        cast(sum(n_rows) as bigint) as n_value_rows

    from disputed

    group by
        user_id,
        field,
        value

),

values_counted as (

    select
        user_id,
        field,
        count(*) as n_values

    from values_summed

    group by
        user_id,
        field

),

-- What the rule asks comes first. Ties of all rules are broken alike, down to the value
-- and who said so.
values_ranked as (

    select
        disputed.*,
        row_number() over (
            partition by
                disputed.user_id,
                disputed.field
            order by
                case rules.rule
                    when 'most_trusted' then disputed.trust
                    when 'most_frequent' then values_summed.n_value_rows
                end desc nulls last,
                case
                    when rules.rule = 'most_trusted' then disputed.kind_rank
                end asc nulls last,
                case
                    when rules.rule = 'most_trusted' and disputed.kind <> 'profile'
                        then disputed.n_rows
                end desc nulls last,
                disputed.last_seen_at desc nulls last,
                disputed.trust desc,
                disputed.kind_rank asc,
                disputed.n_rows desc,
                disputed.value asc,
                disputed.source asc
        ) as value_rank

    from disputed

    inner join rules
        on disputed.field = rules.field

    inner join values_summed
        on
            disputed.user_id = values_summed.user_id
            and disputed.field = values_summed.field
            and disputed.value = values_summed.value

),

chosen as (

    select
        values_ranked.user_id,
        values_ranked.field,
        values_ranked.value,
        values_ranked.kind,
        values_ranked.source,
        values_counted.n_values,
        values_ranked.last_seen_at

    from values_ranked

    inner join values_counted
        on
            values_ranked.user_id = values_counted.user_id
            and values_ranked.field = values_counted.field

    where values_ranked.value_rank = 1

    union all

    select
        profile_values.user_id,
        profile_values.field,
        profile_values.value,
        profile_values.kind,
        profile_values.source,
        1 as n_values,
        profile_values.last_seen_at

    from profile_values

    anti join fields_disputed
        on
            profile_values.user_id = fields_disputed.user_id
            and profile_values.field = fields_disputed.field

),

resolved as (

    select
        -- ids
        chosen.user_id,

        -- strings
        chosen.field,
        chosen.value,
        rules.rule,
        chosen.kind,
        chosen.source,

        -- numerics
        chosen.n_values,

        -- timestamps
        chosen.last_seen_at

    from chosen

    inner join rules
        on chosen.field = rules.field

)

select * from resolved
