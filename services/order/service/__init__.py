"""The order service's gRPC handlers."""
