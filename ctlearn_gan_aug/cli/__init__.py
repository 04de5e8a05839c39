"""Thin click commands; everything heavy is imported inside the command that needs it."""
