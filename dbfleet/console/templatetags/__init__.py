"""The templates' own filters and tags."""
