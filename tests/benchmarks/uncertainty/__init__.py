"""What probabilities and areas with intervals are worth, method by method, on simulated worlds that no network saw.

PYTHONPATH=tests/benchmarks .venv/bin/python -m uncertainty
"""
