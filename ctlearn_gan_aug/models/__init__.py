"""Generator, critic and the CTLearn auxiliary, from plain Keras layers."""
