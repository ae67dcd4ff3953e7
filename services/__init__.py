"""The four services. Each imports `mesh.runtime`, the contracts and itself; never another."""
