"""The private tables that each run can fill anew, and that dbt reads as sources.

Four schemas: `previous` (what the last published snapshot remembers, copied in before
a build), `ml` (what the clustering says), `identity` (who is who) and `lookups` (what a
library says of a text, remembered).
"""

PREVIOUS = {
    "previous.user_identifiers": {
        "identifier_type": "VARCHAR",
        "identifier": "VARCHAR",
        "user_id": "VARCHAR",
        "match_rule": "VARCHAR",
    },
    "previous.identity_changes": {
        "run_id": "VARCHAR",
        "identifier_type": "VARCHAR",
        "identifier": "VARCHAR",
        "change": "VARCHAR",
        "from_user_id": "VARCHAR",
        "to_user_id": "VARCHAR",
        "reason": "VARCHAR",
        "changed_at": "TIMESTAMP",
    },
    "previous.user_segments": {
        "user_id": "VARCHAR",
        "segment_id": "VARCHAR",
        "segment_name": "VARCHAR",
        "persona_id": "VARCHAR",
        "previous_segment_id": "VARCHAR",
        "entered_at": "TIMESTAMP",
        "updated_at": "TIMESTAMP",
        "model_version": "VARCHAR",
    },
    "previous.segment_history": {
        "user_id": "VARCHAR",
        "segment_id": "VARCHAR",
        "valid_from": "TIMESTAMP",
        "valid_to": "TIMESTAMP",
        "is_current": "BOOLEAN",
    },
    "previous.segment_changes": {
        "run_id": "VARCHAR",
        "user_id": "VARCHAR",
        "change": "VARCHAR",
        "from_segment_id": "VARCHAR",
        "to_segment_id": "VARCHAR",
        "changed_at": "TIMESTAMP",
    },
}

ML = {
    "ml.user_segments": {
        "user_id": "VARCHAR NOT NULL",
        "segment_id": "VARCHAR NOT NULL",
        "persona_id": "VARCHAR NOT NULL",
        "model_version": "VARCHAR NOT NULL",
    },
    "ml.segment_catalog": {
        "segment_id": "VARCHAR NOT NULL",
        "segment_name": "VARCHAR NOT NULL",
        "description": "VARCHAR NOT NULL",
        "rule_text": "VARCHAR NOT NULL",
        "silhouette": "DOUBLE",
        "model_version": "VARCHAR NOT NULL",
    },
    "ml.personas": {
        "persona_id": "VARCHAR NOT NULL",
        "persona_name": "VARCHAR NOT NULL",
        "narrative": "VARCHAR NOT NULL",
        "n_users": "BIGINT NOT NULL",
        "traits": "JSON NOT NULL",
    },
}

IDENTITY = {
    "identity.links": {  # that were found to join identifiers, or to be cut
        "trust_rank": "INTEGER NOT NULL",
        "match_weight": "DOUBLE",  # of similar profiles
        "first_seen_at": "TIMESTAMP",
        "identifier_type": "VARCHAR NOT NULL",
        "identifier": "VARCHAR NOT NULL",
        "namespace": "VARCHAR",
        "linked_identifier_type": "VARCHAR NOT NULL",
        "linked_identifier": "VARCHAR NOT NULL",
        "linked_namespace": "VARCHAR",
        "made_with": "VARCHAR NOT NULL",  # which limit and code
    },
    "identity.components": {
        "component": "BIGINT NOT NULL",
        "part": "BIGINT NOT NULL",  # what keys alone would have joined
        "whole": "BIGINT NOT NULL",  # what all links would have, had none been cut
        "identifier_type": "VARCHAR NOT NULL",  # user_id, anonymous_id, email, phone
        "identifier": "VARCHAR NOT NULL",
    },
    "identity.links_cut": {
        "identifier_type": "VARCHAR NOT NULL",
        "identifier": "VARCHAR NOT NULL",
        "linked_identifier_type": "VARCHAR NOT NULL",
        "linked_identifier": "VARCHAR NOT NULL",
        "reason": "VARCHAR NOT NULL",  # conflict, too_large
    },
    "identity.similar_profiles": {  # of holders that share no key
        "identifier_type": "VARCHAR NOT NULL",
        "identifier": "VARCHAR NOT NULL",
        "namespace": "VARCHAR NOT NULL",
        "similar_identifier_type": "VARCHAR NOT NULL",
        "similar_identifier": "VARCHAR NOT NULL",
        "similar_namespace": "VARCHAR NOT NULL",
        "match_weight": "DOUBLE NOT NULL",  # log2 of the odds, to order them by
        "match_probability": "DOUBLE NOT NULL",  # cut to four digits, for people
        "n_rows": "BIGINT NOT NULL",  # pairs of profiles
        "first_seen_at": "TIMESTAMP",
    },
    "identity.match_models": {  # one row: what similar_profiles was found by
        "fingerprint": "VARCHAR NOT NULL",
        "is_on": "BOOLEAN NOT NULL",
        "explanation": "VARCHAR NOT NULL",
        "n_profiles": "BIGINT",
        "n_sure_pairs": "BIGINT",
        "parameters": "JSON",
    },
    "identity.match_weights": {
        "comparison": "VARCHAR NOT NULL",
        "level": "INTEGER NOT NULL",
        "description": "VARCHAR NOT NULL",
        "m_probability": "DOUBLE NOT NULL",
        "u_probability": "DOUBLE NOT NULL",
        "match_weight": "DOUBLE NOT NULL",
    },
}

LOOKUPS = {
    "lookups.user_agents": {
        "user_agent": "VARCHAR NOT NULL",  # as sent
        "device_type": "VARCHAR",  # mobile, desktop, tablet, tv, other; null if blank
        "os": "VARCHAR",
        "browser": "VARCHAR",
        "is_bot": "BOOLEAN NOT NULL",
        "made_with": "VARCHAR NOT NULL",  # which library and rules
    },
}
