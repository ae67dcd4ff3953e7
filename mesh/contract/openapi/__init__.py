"""The OpenAPI 3.1 document of the REST surface, derived from the descriptor image.

Knows `mesh.contract` and nothing else of the mesh. Start reading at `document`;
`python -m mesh.contract.openapi FILE VERSION` writes it.
"""
