"""The verb that drafts a provider from a catalog."""

from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def provider(
    catalog: Annotated[str, typer.Argument(metavar="CATALOG", help="URL of a STAC API or static catalog, or a path")],
    collection: Annotated[str, typer.Option(metavar="NAME", help="the collection's id in the catalog")],
) -> None:
    """Prints a draft of the section `provider` of a region file, by the first items of a collection.

    What the items do not say stands in it as comments.

    Example: `idgbr provider https://example.org/stac --collection aerial-2024`
    """
    import yaml

    from catalogs.sample import first_items
    from pipeline.scenes.draft import draft_provider

    items = first_items(catalog, collection)
    draft = draft_provider(items)
    if draft.row is not None:
        print(f"# These items are read without this section, by the row {draft.row!r}.")
    print(f"# By {len(items)} items of {collection}.")
    for sentence in draft.unknown:
        print(f"# Not known: {sentence}.")
    print(yaml.safe_dump({"provider": draft.provider}, sort_keys=False, default_flow_style=None, width=120), end="")
