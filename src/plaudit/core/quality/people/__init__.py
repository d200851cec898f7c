"""People: the annotator model, their scores and flags."""
