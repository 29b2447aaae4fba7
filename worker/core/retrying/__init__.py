"""What happens next to a batch, and what an attempt costs."""
