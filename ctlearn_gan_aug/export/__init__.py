"""Generated images as DL1 files that ctapipe and CTLearn read like simulated ones."""
