"""From rules to clusters: `builders` write rules, `rules` are data, `evaluate` decides, `quantities` reads "8Gi"."""
