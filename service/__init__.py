"""The service: what runs in production. It never imports the training package."""
