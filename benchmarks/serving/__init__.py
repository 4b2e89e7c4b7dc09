"""The whole service and its peers under load: `python -m benchmarks.serving`."""
