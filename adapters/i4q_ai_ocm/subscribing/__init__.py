"""Delivery by Git, as the console of Advanced Cluster Management sets it up."""
