"""Product pictures drawn as SVG: the same kind, color and style give the same bytes. Pure."""
