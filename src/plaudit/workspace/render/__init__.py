"""Foreign text as safe HTML, differences of texts, and charts."""
