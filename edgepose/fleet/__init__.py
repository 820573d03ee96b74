"""Look after many devices through the broker that they all know."""
