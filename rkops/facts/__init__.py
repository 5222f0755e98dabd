"""What a board is: frozen, typed, gathered once."""
