"""What one client's connection does: statements, transactions, portals, and the listener."""
