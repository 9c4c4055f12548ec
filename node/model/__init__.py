"""Judgement without a world: pure, synchronous, replayable."""
