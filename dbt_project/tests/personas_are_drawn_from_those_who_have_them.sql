{# Personas that count other persons than the clustering drew them from. #}
select
    personas.persona_id,
    personas.n_users,
    described.n_users as n_described

from {{ ref('personas') }} as personas

inner join {{ ref('stg_ml__personas') }} as described
    on personas.persona_id = described.persona_id

where personas.n_users != described.n_users
