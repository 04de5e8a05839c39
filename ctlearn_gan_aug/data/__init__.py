"""DL1 files to events, events to tf.data; and the toy simulation."""
