"""From files here to blobs in a registry: read as seldom as can be, sent once, carried on."""
