"""The part `stalls`: requests that could hold the event loop, and how long others then wait."""
