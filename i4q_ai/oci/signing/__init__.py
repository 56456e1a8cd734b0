"""Signatures: statements about files, who made them, and the policy that says whether that is enough.

In the format of OpenSSF Model Signing (a Sigstore bundle around an in-toto statement), by keys and by certificates.
Cheap to import; what a call needs is imported by the call.
"""

from __future__ import annotations
