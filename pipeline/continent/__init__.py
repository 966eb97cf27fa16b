"""One cube joined from the cubes of regions: which block from which cube, whole shards copied, seams measured."""
