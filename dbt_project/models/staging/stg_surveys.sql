with

source as (

    select * from {{ source('raw', 'surveys') }}

    where answered_at < {{ as_of() }}

),

normalized as (

    select
        -- ids
        row_key as answer_key,
        {{ cleaned_id('user_id') }} as user_id,
        content_hash,
        email_hash,

        -- strings
        {{ cleaned_text('survey_id') }} as survey_id,
        {{ cleaned_text('question') }} as question,
        {{ cleaned_text('answer') }} as answer,

        -- numerics
        rating,

        -- timestamps
        answered_at

    from source

)

select * from normalized
