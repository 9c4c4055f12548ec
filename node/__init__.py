"""Symbolon: sealed verification of vocational credentials between national nodes."""

__version__ = "0.1.0"
