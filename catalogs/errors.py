"""Errors whose message is one sentence for the user."""

from catalogs.secrets import redact


class CatalogError(ValueError):
    """A query, a catalog or an item that cannot be used; the message is one sentence for the user, without secrets."""

    def __init__(self, message: str) -> None:
        super().__init__(redact(message))


class CatalogUnavailable(CatalogError):
    """A catalog that does not answer now; the same query may work later."""


class SearchHeld(CatalogUnavailable):
    """Another search has the folder of this one."""


class NoItems(CatalogError):
    """A catalog that has no items of a collection."""
