"""What a STAC item says: providers as data, harmonisation, masks, acquisitions."""
