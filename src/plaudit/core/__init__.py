"""The rules of the product, without HTTP and without SQL."""
