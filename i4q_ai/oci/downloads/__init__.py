"""From blobs anywhere to files here: fetched once, verified before anybody sees them."""
