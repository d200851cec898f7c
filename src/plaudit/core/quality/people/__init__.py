"""People: the annotator model, their scores and flags, and the feedback of reviewers."""
