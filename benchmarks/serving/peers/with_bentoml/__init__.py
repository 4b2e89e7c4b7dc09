"""BentoML (https://docs.bentoml.com)."""
