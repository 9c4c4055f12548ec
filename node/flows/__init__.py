"""Use cases, one file each; they see the world through `ports` alone."""
