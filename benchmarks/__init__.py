"""Side-by-side measurements of Plaudit, an ordinary server and nginx on the same tasks."""
