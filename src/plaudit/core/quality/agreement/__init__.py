"""Agreement of people on a question: coefficients, pairs of people, rankings, spans, reports."""
