with

source as (

    select * from {{ source('raw', 'consents') }}

    where decided_at < {{ as_of() }}

),

normalized as (

    select
        -- ids
        row_key as consent_key,
        {{ cleaned_id('user_id') }} as user_id,
        content_hash,
        email_hash,

        -- strings
        {{ cleaned_text('purpose') }} as purpose,
        lower(trim(decision)) as decision,
        {{ cleaned_text('policy_version') }} as policy_version,
        {{ cleaned_text('consent_source') }} as consent_source,

        -- timestamps
        decided_at

    from source

)

select * from normalized
