"""Rows in and out of DuckDB: homes, loading, building, checking and publishing."""
