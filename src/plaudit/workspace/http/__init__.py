"""How pages are declared, served, guarded and drawn."""
