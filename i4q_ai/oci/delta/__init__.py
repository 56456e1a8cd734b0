"""Delta pulls: of a new version only what an older one here does not have travels, from any registry that knows ranges.

Beside the layers of an artifact lie chunk maps: where each layer can be cut, and what each chunk hashes to. Who pushes
cuts; who pulls only compares. A map is a hint, never a proof: whatever it says, the whole blob must hash to its digest.
"""
