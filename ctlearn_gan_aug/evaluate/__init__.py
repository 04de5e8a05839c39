"""Judging a generator: generated images beside simulated ones of the same labels."""
