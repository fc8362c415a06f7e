"""Rows in and out of DuckDB: homes, loading, building, checking and publishing."""

__version__ = "0.1.0"
