"""The edge: Envoy's listener, routes and clusters as pure functions of the method table.

Imports `mesh.contract` and `mesh.identity` only. Start reading at `bootstrap`, then
`listener` (the order of filters) and `routes` (what holds for one method).
"""
