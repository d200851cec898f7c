"""Quality of the data, as statistics of votes: pure, by numpy alone, without a store."""
