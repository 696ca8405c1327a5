"""Product pictures drawn as SVG: the same kind, colour and style give the same bytes. Pure."""
