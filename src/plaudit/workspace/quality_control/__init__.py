"""Pages of quality control: gold for managers, and what annotators learn of it."""
