class CatalogError(ValueError):
    """A query, a catalog or an item that cannot be used; the message is one sentence for the user."""
