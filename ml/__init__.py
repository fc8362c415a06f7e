"""Frames in, frames out: who belongs together, and in which words."""
