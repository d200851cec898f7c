"""Managers' pages of a project's quality: agreement, people, bias and the leaderboard."""
