"""Training and evaluation from recipes and labelled folders."""
