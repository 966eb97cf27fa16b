"""Exports of a cube's versions: Cloud Optimized GeoTIFF, plain Zarr, a STAC catalog, polygons of classes."""
