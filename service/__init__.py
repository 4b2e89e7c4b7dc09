"""The service: what runs in production. It never imports the training package."""

__version__ = "0.1.0"  # as in pyproject.toml
