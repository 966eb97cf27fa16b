"""Where items come from: STAC APIs, static catalogs on disk and on the web, lists in a file."""
