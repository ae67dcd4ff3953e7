"""How orders are driven to their end: `steps`, `market` and `limit`, `driver`."""
