"""The scenarios, one module a family; the catalog reads them from source."""
