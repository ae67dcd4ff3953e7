"""The user service's handlers."""
