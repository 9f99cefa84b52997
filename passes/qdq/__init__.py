"""The QDQ form: ranges, parameters, and who shares them."""
