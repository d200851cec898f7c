"""Mirror of other servers of the v2 API: what is pulled from them, and tasks pushed to them."""
