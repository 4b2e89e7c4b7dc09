"""The peers, as their documentation writes them: one file each.

Each file is a `__main__`: its package may be missing, and nothing but its own process imports it.
What they are told, they are told in the environment (`benchmarks/serving/servers.py`).
"""
