"""The hot route beside the ordinary way."""
