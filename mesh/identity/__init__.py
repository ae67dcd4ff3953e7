"""Who is who in the mesh: names, the local certificate authority, SPIFFE certificates.

Imports nothing of the mesh but the contracts. Start reading at `names`, then `authority`.
"""
