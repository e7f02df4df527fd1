"""The benchmark against peers."""
