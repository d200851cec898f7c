"""Languages of the pages: catalogues of their texts, and the language of the present request."""
