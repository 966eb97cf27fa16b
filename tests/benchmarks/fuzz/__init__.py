"""Hostile inputs by number: what the command answers to each. `make fuzz`, or `python -m fuzz --only NUMBER`."""
