"""What users write in YAML, checked by pydantic models."""
