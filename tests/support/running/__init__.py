"""Running of tests: their order, work that all of them share, and many cases in one test."""
