"""Pages in tests: browsers real and simulated, markup, hostile texts, pictures of all scenes."""
