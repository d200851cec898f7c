"""People: the annotator model, their scores and flags, and rules for one judge and one task."""
