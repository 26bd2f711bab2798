"""What is worth learning: decisions taken from proven traces."""
