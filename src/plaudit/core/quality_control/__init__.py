"""Quality control while people work: who is given which task, and what a submission sets off."""
