"""Protocols as data: what is run, how often, and what is measured. One TOML file each; `protocol` reads them."""
