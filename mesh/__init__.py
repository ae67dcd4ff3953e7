"""The mesh: what every service runs in, the edge in front of them, and the `mesh` command.

It may import the contracts (`tradewind`), never a service. Start reading at
`mesh.contract.methods` (what an RPC is) and `mesh.runtime.service` (what runs it).
"""
