"""Tables and statements of the order service."""
