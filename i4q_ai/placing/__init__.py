"""From rules to clusters: `rules` says what is meant, `evaluate` decides, `quantities` reads "8Gi"."""
