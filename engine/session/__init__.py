"""One client's connection: statements, transactions, portals, and the listener."""
