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
    "previous.source_days": {
        "source": "VARCHAR",
        "kind": "VARCHAR",
        "n_rows": "BIGINT",
        "day_date": "DATE",
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
        "is_provisional": "BOOLEAN",
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
    "previous.segment_models": {
        "run_id": "VARCHAR",
        "model_version": "VARCHAR",
        "algorithm": "VARCHAR",
        "n_segments": "INTEGER",
        "n_persons": "BIGINT",
        "features": "VARCHAR",
        "parameters": "VARCHAR",
        "versions": "VARCHAR",
        "metrics": "VARCHAR",
        "verdict": "VARCHAR",
        "sha256": "VARCHAR",
        "n_bytes": "BIGINT",
        "trained_at": "TIMESTAMP",
    },
    "previous.segment_successors": {
        "run_id": "VARCHAR",
        "model_version": "VARCHAR",
        "segment_id": "VARCHAR",
        "successor_id": "VARCHAR",
        "kind": "VARCHAR",
        "n_shared": "BIGINT",
        "shared_share": "DOUBLE",
        "changed_at": "TIMESTAMP",
    },
}

ML = {
    "ml.user_segments": {
        "user_id": "VARCHAR NOT NULL",
        "segment_id": "VARCHAR NOT NULL",
        "persona_id": "VARCHAR NOT NULL",
        "model_version": "VARCHAR NOT NULL",
        "is_provisional": "BOOLEAN NOT NULL",  # by context, until there is more history
        "distance": "DOUBLE",  # to the middle of the segment, as the model measures
        "confidence": "DOUBLE",  # 0 to 1
        "next_segment_id": "VARCHAR",  # the next nearest
    },
    "ml.segment_catalog": {
        "segment_id": "VARCHAR NOT NULL",
        "segment_name": "VARCHAR NOT NULL",
        "description": "VARCHAR NOT NULL",
        "rule_text": "VARCHAR NOT NULL",
        "rule_sql": "VARCHAR NOT NULL",  # a condition on marts.user_features
        "rule_accuracy": "DOUBLE",  # null, as the next two, where there is no rule
        "rule_precision": "DOUBLE",
        "rule_recall": "DOUBLE",
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
    "ml.model_candidates": {  # that the serving model was chosen from
        "model_version": "VARCHAR NOT NULL",
        "candidate_id": "VARCHAR NOT NULL",  # such as kmeans-5
        "algorithm": "VARCHAR NOT NULL",
        "parameters": "JSON NOT NULL",
        "n_clusters": "INTEGER NOT NULL",
        "silhouette": "DOUBLE",  # null, as other scores, where it cannot be measured
        "calinski_harabasz": "DOUBLE",
        "davies_bouldin": "DOUBLE",
        "inertia": "DOUBLE",
        "is_elbow": "BOOLEAN NOT NULL",
        "stability": "DOUBLE",
        "noise_share": "DOUBLE",
        "smallest_share": "DOUBLE",
        "n_fitted": "BIGINT NOT NULL",
        "n_judged": "BIGINT NOT NULL",
        "is_eligible": "BOOLEAN NOT NULL",
        "is_chosen": "BOOLEAN NOT NULL",
        "reason": "VARCHAR NOT NULL",
    },
    "ml.feature_separation": {
        "model_version": "VARCHAR NOT NULL",
        "feature": "VARCHAR NOT NULL",
        "test": "VARCHAR NOT NULL",  # kruskal, chi_square
        "statistic": "DOUBLE",
        "p_value": "DOUBLE",
        "p_adjusted": "DOUBLE",
        "effect_size": "DOUBLE",
        "effect": "VARCHAR NOT NULL",  # none, small, medium, large
    },
    "ml.segment_models": {  # one row: the model that was fitted in this run, if any was
        "model_version": "VARCHAR NOT NULL",
        "algorithm": "VARCHAR NOT NULL",
        "n_segments": "INTEGER NOT NULL",
        "n_persons": "BIGINT NOT NULL",
        "features": "JSON NOT NULL",  # names
        "parameters": "JSON NOT NULL",
        "versions": "JSON NOT NULL",  # of libraries, and of the file's format
        "metrics": "JSON NOT NULL",
        "verdict": "VARCHAR NOT NULL",  # why this one
        "sha256": "VARCHAR NOT NULL",  # of the file; see `model_store`
        "n_bytes": "BIGINT NOT NULL",
    },
    "ml.segment_successors": {  # of the segments before a fit in this run, if any
        "model_version": "VARCHAR NOT NULL",
        "segment_id": "VARCHAR NOT NULL",
        "successor_id": "VARCHAR",  # null if nobody went on
        "kind": "VARCHAR NOT NULL",  # kept, succeeded, ended
        "n_shared": "BIGINT NOT NULL",
        "shared_share": "DOUBLE",  # of those of the old one who are still there
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
