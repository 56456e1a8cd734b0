"""From our words to Open Cluster Management's objects, and back: plain dicts. Pure."""
