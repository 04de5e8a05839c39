"""Studies: what generated images are worth to CTLearn, against simulation alone."""
