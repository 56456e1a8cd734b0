"""The OCM backend on real controllers: a hub, three edges with their agents, real pods."""
