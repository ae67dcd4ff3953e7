"""The user service's SQL."""
