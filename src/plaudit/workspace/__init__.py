"""The pages on which people annotate, review and manage, with what their scripts ask."""
