"""Grid, extent and footprint: where pixels lie."""
