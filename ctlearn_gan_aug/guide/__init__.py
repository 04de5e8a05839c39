"""Where generated images would help a CTLearn model: its errors against numbers of events."""
