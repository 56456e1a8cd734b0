"""Whole artifacts from one place to another, as they are: copied, saved, loaded."""
