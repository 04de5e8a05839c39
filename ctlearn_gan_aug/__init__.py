"""Data augmentation for CTLearn: label-conditioned GANs of Cherenkov camera images."""

__version__ = "0.3.0"
