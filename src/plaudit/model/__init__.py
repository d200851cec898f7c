"""The nouns that travel between layers, as structs without behaviour."""
