"""What one DAG hands to another, named once."""

from airflow.sdk import Asset

RAW_EVENTS = Asset("raw.events")
PUBLISHED_SEGMENTS = Asset("published.segments")
