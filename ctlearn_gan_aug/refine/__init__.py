"""Training of translators between two domains of images: a CycleGAN."""
