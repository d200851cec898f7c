"""Quality control while people work: counted cases, rules with their actions, pauses, appeals."""
