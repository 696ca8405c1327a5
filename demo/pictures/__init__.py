"""Product pictures as SVG; the same kind, color and style give the same bytes. Pure."""
