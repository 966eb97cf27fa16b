"""Errors whose message is one sentence for the user."""


class CatalogError(ValueError):
    """A query, a catalog or an item that cannot be used; the message is one sentence for the user."""


class CatalogUnavailable(CatalogError):
    """A catalog that does not answer now; the same query may work later."""
