"""The ``gan_augment:`` block: generated images mixed into CTLearn's training batches."""
