# ruff: noqa: E501
"""The data of the simulated shop: kinds, styles, colors, names. Pure."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of product.

    `path` is the category, broadest first. `picture` names the drawing. `low` and `high` are prices in euros. `groups` is
    the number of designs. `again_days` is the interval of repeat purchases (0: never). `goes_with` are kinds
    that complete it, and that it completes: `demo.simulation.truth` chooses the products.
    """

    key: str
    noun: str
    room: str
    path: tuple[str, ...]
    picture: str
    low: float
    high: float
    groups: int = 6
    again_days: int = 0
    goes_with: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Style:
    """One style: its name, colors, materials, brands and description."""

    key: str
    colors: tuple[str, ...]
    materials: tuple[str, ...]
    brands: tuple[str, ...]
    mood: str


COLORS: Final[dict[str, str]] = {
    "oak": "#c9a36a", "walnut": "#7a5238", "pine": "#dcb985", "black": "#2f3033", "white": "#f1ede4", "sage": "#9bab86",
    "terracotta": "#c36a4b", "mustard": "#d3a23a", "navy": "#32415f", "rose": "#d5a49f", "sand": "#d9c6a5",
    "grey": "#90959a", "teal": "#2f7c7c", "brass": "#b9934b", "forest": "#43614a", "cream": "#eadfc8",
    "rust": "#a5522f", "sky": "#9cb9cc",
}  # fmt: skip

STYLES: Final[tuple[Style, ...]] = (
    Style("nordic", ("oak", "white", "grey", "sky"), ("oak", "birch", "beech"), ("Nord", "Fjell"), "light, calm and made to last"),
    Style("industrial", ("black", "walnut", "rust", "grey"), ("steel", "walnut", "iron"), ("Werk", "Forge & Sons"), "raw, sturdy and honest"),
    Style("country", ("pine", "cream", "sage", "rose"), ("pine", "rattan", "cherry"), ("Hollyfarm", "Meadow"), "warm, soft and unhurried"),
    Style("modern", ("white", "black", "teal", "mustard"), ("lacquer", "glass", "steel"), ("Linea", "Studio Kant"), "clear lines with one bold color"),
    Style("japandi", ("oak", "sand", "black", "forest"), ("ash", "bamboo", "oak"), ("Kumo", "Stille"), "quiet, low and uncluttered"),
    Style("boho", ("terracotta", "mustard", "rust", "cream"), ("rattan", "mango wood", "cane"), ("Marisol", "Casbah"), "colorful, layered and a little wild"),
)  # fmt: skip

MATERIALS: Final[dict[str, tuple[str, ...]]] = {
    "Textiles": ("linen", "wool", "cotton"), "Kitchen": ("stoneware", "enamel", "glass"), "Consumables": ("paper",),
    "Decoration": ("ceramic", "stoneware", "glass"), "Lighting": ("brass", "steel", "paper"), "towel": ("cotton", "linen"),
    "sofa": ("linen", "wool", "velvet"), "armchair": ("linen", "wool", "velvet"), "footstool": ("linen", "wool", "velvet"),
    "mattress": ("cotton", "latex", "wool"), "basket": ("rattan", "jute", "felt"), "organizer": ("felt", "cork", "steel"),
    "mirror": ("brass", "steel", "oak"), "glasses": ("glass",), "pan": ("enamel", "steel", "cast iron"),
}  # fmt: skip
"""Materials by kind, else by product family, where the style's own materials would not fit."""

SORTS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "candle": ("scent", ("fig", "cedar", "vanilla", "sea salt")), "bulb": ("light", ("warm white", "neutral white", "daylight")),
    "coffee": ("roast", ("espresso", "filter", "decaf")), "soap": ("scent", ("lavender", "lemon", "rosemary")),
}  # fmt: skip
"""Kinds whose variants differ in something other than color: the attribute and its values. Pictures stay colored."""

ANY_ROOM: Final = ("basket", "bookcase", "bulb", "candle", "vase")
"""Kinds that suit more than one room. The catalog names no room of theirs; shoppers meet them by taste as in `room`."""

SHADES: Final = {"oak": "honey", "walnut": "chestnut", "pine": "straw", "rust": "rust red", "sky": "sky blue"}
"""Words for colors of what is not made of wood: a rug has the color of honey, not of oak."""

WOODS: Final = frozenset(("oak", "walnut", "pine"))
"""Colors that are woods: what has one of them, and is of wood, is made of it."""

WOODEN: Final = frozenset(("oak", "birch", "beech", "walnut", "pine", "cherry", "ash", "mango wood"))
"""Materials that are woods."""

ROOMS: Final = ("Living room", "Bedroom", "Dining room", "Office", "Kitchen", "Bathroom", "Garden")

KINDS: Final[tuple[Kind, ...]] = (
    Kind("sofa", "sofa", "Living room", ("Furniture", "Sofas"), "sofa", 490, 2400, 10, 0, ("armchair", "coffee-table", "rug", "tv-bench")),
    Kind("armchair", "armchair", "Living room", ("Furniture", "Armchairs"), "armchair", 190, 890, 10, 0, ("floor-lamp", "footstool", "coffee-table")),
    Kind("footstool", "footstool", "Living room", ("Furniture", "Footstools"), "stool", 49, 240, 4, 0, ("throw", "cushion")),
    Kind("coffee-table", "coffee table", "Living room", ("Furniture", "Tables", "Coffee tables"), "table", 89, 560, 8, 0, ("rug", "floor-lamp")),
    Kind("tv-bench", "TV bench", "Living room", ("Furniture", "Storage", "TV benches"), "cabinet", 149, 790, 6, 0, ("floor-lamp", "rug")),
    Kind("bookcase", "bookcase", "Living room", ("Furniture", "Storage", "Bookcases"), "shelf", 119, 690, 8, 0, ("armchair", "floor-lamp")),
    Kind("rug", "rug", "Living room", ("Textiles", "Rugs"), "rug", 69, 620, 10, 0, ("floor-lamp", "coffee-table")),
    Kind("cushion", "cushion", "Living room", ("Textiles", "Cushions"), "cushion", 14, 69, 12, 0, ("throw",)),
    Kind("throw", "throw", "Living room", ("Textiles", "Throws"), "throw", 29, 139, 8, 0, ("cushion",)),
    Kind("curtain", "curtain", "Living room", ("Textiles", "Curtains"), "curtain", 35, 160, 6, 0, ("cushion", "throw")),
    Kind("floor-lamp", "floor lamp", "Living room", ("Lighting", "Floor lamps"), "floor-lamp", 79, 430, 8, 0, ("rug",)),
    Kind("bed", "bed frame", "Bedroom", ("Furniture", "Beds"), "bed", 249, 1490, 8, 0, ("mattress", "nightstand", "wardrobe")),
    Kind("mattress", "mattress", "Bedroom", ("Furniture", "Mattresses"), "mattress", 199, 990, 5, 0, ("bed-linen", "nightstand")),
    Kind("nightstand", "bedside table", "Bedroom", ("Furniture", "Tables", "Bedside tables"), "nightstand", 59, 290, 6, 0, ("table-lamp", "bed-linen")),
    Kind("wardrobe", "wardrobe", "Bedroom", ("Furniture", "Storage", "Wardrobes"), "wardrobe", 290, 1690, 6, 0, ("mirror", "bed", "nightstand")),
    Kind("bed-linen", "bed linen set", "Bedroom", ("Textiles", "Bed linen"), "linen", 39, 189, 10, 0, ("table-lamp",)),
    Kind("table-lamp", "table lamp", "Bedroom", ("Lighting", "Table lamps"), "table-lamp", 39, 230, 8, 0, ("bulb",)),
    Kind("mirror", "mirror", "Bedroom", ("Decoration", "Mirrors"), "mirror", 49, 390, 6, 0, ("nightstand",)),
    Kind("dining-table", "dining table", "Dining room", ("Furniture", "Tables", "Dining tables"), "dining-table", 249, 1690, 8, 0, ("dining-chair", "pendant")),
    Kind("dining-chair", "dining chair", "Dining room", ("Furniture", "Chairs", "Dining chairs"), "chair", 59, 390, 10, 0, ("pendant", "table-linen")),
    Kind("pendant", "pendant lamp", "Dining room", ("Lighting", "Pendant lamps"), "pendant", 49, 390, 8, 0, ("bulb",)),
    Kind("table-linen", "tablecloth", "Dining room", ("Textiles", "Table linen"), "throw", 19, 89, 5, 0, ("tableware", "glasses", "napkins")),
    Kind("tableware", "plate set", "Dining room", ("Kitchen", "Tableware"), "plates", 29, 160, 8, 0, ("glasses", "table-linen")),
    Kind("glasses", "set of glasses", "Dining room", ("Kitchen", "Glasses"), "glasses", 15, 79, 6, 0, ("tableware", "table-linen")),
    Kind("desk", "desk", "Office", ("Furniture", "Tables", "Desks"), "desk", 149, 990, 8, 0, ("office-chair", "desk-lamp", "bookcase")),
    Kind("office-chair", "desk chair", "Office", ("Furniture", "Chairs", "Desk chairs"), "office-chair", 99, 690, 8, 0, ("desk-lamp",)),
    Kind("desk-lamp", "desk lamp", "Office", ("Lighting", "Desk lamps"), "desk-lamp", 29, 190, 6, 0, ("organizer", "bulb")),
    Kind("organizer", "desk organizer", "Office", ("Decoration", "Desk organizers"), "organizer", 12, 59, 5, 0, ("desk-lamp", "desk")),
    Kind("basket", "basket", "Living room", ("Decoration", "Baskets"), "basket", 15, 89, 6, 0, ("throw", "cushion")),
    Kind("pan", "cooking pot", "Kitchen", ("Kitchen", "Cookware"), "pot", 29, 240, 6, 0, ("kitchen-cloth", "tableware")),
    Kind("mug", "mug", "Kitchen", ("Kitchen", "Mugs"), "mug", 7, 32, 8, 0, ("coffee", "kitchen-cloth")),
    Kind("kitchen-cloth", "tea towel", "Kitchen", ("Textiles", "Kitchen textiles"), "towel", 6, 29, 5, 0, ("mug",)),
    Kind("towel", "towel", "Bathroom", ("Textiles", "Towels"), "towel", 9, 59, 8, 0, ("bath-mat", "soap")),
    Kind("bath-mat", "bath mat", "Bathroom", ("Textiles", "Bath mats"), "rug", 15, 69, 4, 0, ("towel", "soap")),
    Kind("garden-chair", "garden chair", "Garden", ("Furniture", "Outdoor", "Garden chairs"), "garden-chair", 39, 290, 6, 0, ("lantern", "planter")),
    Kind("garden-table", "garden table", "Garden", ("Furniture", "Outdoor", "Garden tables"), "table", 79, 590, 5, 0, ("garden-chair", "planter", "lantern")),
    Kind("lantern", "lantern", "Garden", ("Lighting", "Lanterns"), "lantern", 15, 89, 6, 0, ("candle", "planter")),
    Kind("planter", "planter", "Garden", ("Decoration", "Planters"), "plant", 12, 119, 8, 0, ("lantern",)),
    Kind("vase", "vase", "Living room", ("Decoration", "Vases"), "vase", 12, 119, 8, 0, ("candle", "basket")),
    Kind("candle", "scented candle", "Living room", ("Consumables", "Candles"), "candle", 6, 29, 8, 24, ("vase", "lantern")),
    Kind("napkins", "paper napkins", "Dining room", ("Consumables", "Napkins"), "napkins", 4, 14, 5, 21, ("candle", "glasses")),
    Kind("bulb", "set of LED bulbs", "Living room", ("Consumables", "Light bulbs"), "bulb", 12, 45, 4, 45, ("table-lamp", "desk-lamp")),
    Kind("coffee", "ground coffee", "Kitchen", ("Consumables", "Coffee"), "coffee", 6, 18, 5, 14, ("mug", "kitchen-cloth")),
    Kind("soap", "hand soap", "Bathroom", ("Consumables", "Soap"), "soap", 5, 19, 5, 28, ("towel", "bath-mat")),
)  # fmt: skip

KIND_BY_KEY: Final = {kind.key: kind for kind in KINDS}

COMPLEMENT_KINDS: Final = {
    kind.key: tuple(dict.fromkeys([*kind.goes_with, *(other.key for other in KINDS if kind.key in other.goes_with)]))
    for kind in KINDS
}
"""For each kind: the kinds that it goes with, in either direction."""

SERIES: Final = (
    "Alma", "Birka", "Calla", "Dova", "Elm", "Falk", "Gala", "Holm", "Ines", "Juna", "Kaja", "Lund", "Mira", "Nola", "Odin",
    "Pilar", "Quill", "Runa", "Sola", "Tove", "Una", "Vega", "Wilma", "Yara", "Zita", "Arvo", "Bruno", "Cleo", "Dune", "Esker",
    "Fia", "Grove", "Heath", "Isla", "Jarl", "Kite", "Loft", "Moss", "Nest", "Orla", "Pebble", "Reed", "Sage", "Thorn", "Umber",
    "Vale", "Wren", "Yew", "Aster", "Bay", "Cove", "Drift", "Ember", "Fern",
)  # fmt: skip

FIRST_NAMES: Final = (
    "Ada", "Bo", "Clara", "Dario", "Elif", "Finn", "Greta", "Hugo", "Ida", "Jonas", "Kemal", "Lea", "Mats", "Nina", "Oskar",
    "Paula", "Quentin", "Rosa", "Samir", "Tilda", "Ugo", "Vera", "Wim", "Xenia", "Yusuf", "Zoe", "Amir", "Britta", "Carlo", "Dana",
)  # fmt: skip

CITIES: Final = (
    ("Berlin", "DE"), ("Hamburg", "DE"), ("Munich", "DE"), ("Vienna", "AT"), ("Zurich", "CH"), ("Amsterdam", "NL"),
    ("Paris", "FR"), ("Lyon", "FR"), ("Copenhagen", "DK"), ("Milan", "IT"),
)  # fmt: skip
