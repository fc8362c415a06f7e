"""Adapters: how the dumps of each tracker become our fields."""
