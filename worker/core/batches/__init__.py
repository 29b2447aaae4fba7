"""Slices, batches, and how what is known of them is packed."""
