"""Registries as HTTP: who they are, who we are to them, what is asked, sent and answered."""
