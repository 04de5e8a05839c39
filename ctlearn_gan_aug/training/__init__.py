"""Adversarial training: losses, steps, checkpoints, progress, and the run that joins them."""
