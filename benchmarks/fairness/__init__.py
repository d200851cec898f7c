"""The parts `fairness` and `soak`: an organization beside a crowd of another one, and hours."""
