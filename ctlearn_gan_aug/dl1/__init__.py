"""The DL1 file format (ctapipe data model v6): checking, copying its structure, and writing."""
