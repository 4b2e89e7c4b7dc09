"""The contract over HTTP: what is described, the OpenAPI document of it, and its reader."""
