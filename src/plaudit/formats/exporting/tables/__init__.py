"""Tables for analysis and for people: tasks, messages, annotations, comparisons and flat rows."""
