with

profile_values as (

    select * from {{ ref('int_profile_values_listed') }}

),

rules as (

    select * from {{ ref('profile_field_rules') }}

),

values_summed as (

    select
        user_id,
        field,
        value,
        sum(n_rows) as n_value_rows

    from profile_values

    group by
        user_id,
        field,
        value

),

fields_counted as (

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
        profile_values.user_id,
        profile_values.field,
        profile_values.value,
        profile_values.kind,
        profile_values.source,
        profile_values.last_seen_at,
        rules.rule,
        row_number() over (
            partition by
                profile_values.user_id,
                profile_values.field
            order by
                case rules.rule
                    when 'most_trusted' then profile_values.trust
                    when 'most_frequent' then values_summed.n_value_rows
                end desc nulls last,
                case
                    when rules.rule = 'most_trusted' then profile_values.kind_rank
                end asc nulls last,
                profile_values.last_seen_at desc nulls last,
                profile_values.trust desc,
                profile_values.kind_rank asc,
                profile_values.n_rows desc,
                profile_values.value asc,
                profile_values.source asc
        ) as value_rank

    from profile_values

    inner join rules
        on profile_values.field = rules.field

    inner join values_summed
        on
            profile_values.user_id = values_summed.user_id
            and profile_values.field = values_summed.field
            and profile_values.value = values_summed.value

),

resolved as (

    select
        -- ids
        values_ranked.user_id,

        -- strings
        values_ranked.field,
        values_ranked.value,
        values_ranked.rule,
        values_ranked.kind,
        values_ranked.source,

        -- numerics
        fields_counted.n_values,

        -- timestamps
        values_ranked.last_seen_at

    from values_ranked

    inner join fields_counted
        on
            values_ranked.user_id = fields_counted.user_id
            and values_ranked.field = fields_counted.field

    where values_ranked.value_rank = 1

)

select * from resolved
