"""The auth service's handlers."""
