"""What chain authors inherit and what it is made of."""
