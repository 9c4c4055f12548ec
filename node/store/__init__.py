"""Keeping: journal, registry, keys and trust lists on disk."""
