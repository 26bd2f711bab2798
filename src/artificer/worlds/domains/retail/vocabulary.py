"""The words the shop is made of: people, places, and what is sold. All invented for this world."""

from __future__ import annotations

# fmt: off
FIRST_NAMES = (
    "Adaeze", "Bram", "Calla", "Dorian", "Elspeth", "Farid", "Greta", "Hamish", "Ilona", "Jarek", "Kezia", "Leopold", "Maren", "Nuno", "Odile",
    "Piers", "Quilla", "Rasmus", "Saoirse", "Tobias", "Ulrika", "Vasco", "Wanda", "Xenia", "Yorick", "Zelda", "Anselm", "Birgit", "Corin",
    "Dalia", "Emeka", "Fenna", "Gideon", "Hedda", "Isidro", "Jonna", "Kaspar", "Linnea", "Milos", "Nadira",
)

LAST_NAMES = (
    "Abernethy", "Brankovic", "Castellane", "Drummond", "Eskelund", "Farrow", "Gantzer", "Holloway", "Ibarra", "Jessop", "Kilbride",
    "Lindqvist", "Marchetti", "Norrgard", "Okonjo", "Pellew", "Quistgaard", "Rutherglen", "Sandoval", "Thackeray", "Ulvestad", "Vandermeer",
    "Whitlock", "Xavier", "Yardley", "Zielinski", "Ashdown", "Bellweather", "Corrigan", "Dunmore", "Ellery", "Fairbairn", "Grimaldi",
    "Hathersage", "Inverarity", "Jankowski", "Kestrel", "Lammers", "Montague", "Nightingale", "Ostrander", "Prendergast", "Ravensworth",
    "Silvestri", "Tillotson", "Underhay", "Vasarely", "Winterbourne", "Yelverton", "Zoller",
)
# fmt: on

MAIL_HOSTS = ("postkorb.example", "quickmail.example", "nordbox.example", "letterlane.example", "mailgarden.example")

# fmt: off
CITIES = (
    "Alderford", "Brackenholm", "Copperfell", "Dunwater", "Eastmere", "Fallowby", "Granthaven", "Hollowbridge", "Ironmoor", "Juniper",
    "Kestwick", "Larkspur", "Marrowdale", "Northquay", "Oakhurst", "Pinecrest", "Quarrytown", "Ravensea", "Silverton", "Thornbury",
    "Umberleigh", "Vellmoor", "Wrenfield", "Yarrowgate",
)

STREETS = (
    "Acorn Row", "Beacon Street", "Chandler Lane", "Drover Way", "Elm Terrace", "Foundry Road",
    "Gannet Close", "Harbour Walk", "Ivy Court", "Jetty Street", "Kiln Lane", "Lantern Road",
    "Mill Rise", "Nettle Lane", "Orchard Drive", "Priory Street", "Quay Road", "Ropemaker Street",
    "Saddler Row", "Tanner Street", "Upland Avenue", "Vine Court", "Weaver Lane", "Yew Walk",
)
# fmt: on

ADDRESS_LABELS = ("home", "work", "holiday home", "studio")

CARD_BRANDS = ("Visa", "Mastercard", "Amex", "Maestro")
CARRIERS = ("Swiftpost", "Heron Parcel", "Roadrunner Freight")
CANCEL_REASONS = ("no_longer_needed", "ordered_by_mistake", "found_cheaper", "arrives_too_late")
TOPICS = ("lost_parcel", "damaged_goods", "invoice", "complaint")

# fmt: off
MAKERS = (
    "Arvelle", "Brindlo", "Corvane", "Dapplin", "Eskero", "Fennimor", "Galdry", "Hexley", "Ismara", "Jorvane", "Kelpwood", "Lumaro", "Merrowin",
    "Nolvane", "Orrisa", "Pellorin", "Quenby", "Rothwin", "Sorrelle", "Tavindor", "Umbrine", "Valtera", "Wexmoor", "Yarvic", "Zephra", "Almora",
    "Brackwin", "Cindral", "Dovelle", "Emberly", "Fallowin", "Glenrow", "Harvane", "Inkwell", "Juno", "Kestra", "Lorimer", "Mossley", "Nimbrel",
    "Oswin", "Perrine", "Quillon", "Ravelle", "Solvane", "Thistlewin", "Ursline", "Vesper", "Willowmer",
)
# fmt: on

COLOURS = ("teal", "rust red", "moss green", "slate grey", "cream", "navy", "mustard", "black")

# noun, category, option axes, base price in cents
GOODS: tuple[tuple[str, str, dict[str, tuple[str, ...]], int], ...] = (
    ("Kettle", "kitchen", {"colour": COLOURS[:5], "capacity": ("1.0 litre", "1.7 litre")}, 4500),
    ("Frying Pan", "kitchen", {"diameter": ("20 cm", "24 cm", "28 cm"), "coating": ("ceramic", "cast iron", "steel")}, 3900),
    ("Coffee Grinder", "kitchen", {"colour": COLOURS[3:7], "power": ("manual", "electric")}, 5400),
    ("Stand Mixer", "kitchen", {"colour": COLOURS[:4], "bowl": ("4 litre", "6 litre")}, 18900),
    ("Knife Block", "kitchen", {"wood": ("oak", "walnut", "beech"), "knives": ("5 knives", "7 knives", "9 knives")}, 7900),
    ("Teapot", "kitchen", {"colour": COLOURS[2:7], "capacity": ("0.6 litre", "1.2 litre")}, 2900),
    ("Desk Lamp", "lighting", {"colour": COLOURS[:5], "base": ("clamp base", "round base")}, 5900),
    ("Floor Lamp", "lighting", {"colour": COLOURS[3:8], "height": ("140 cm", "165 cm")}, 9900),
    ("String Lights", "lighting", {"length": ("5 metres", "10 metres", "20 metres"), "light": ("warm white", "cool white", "multicolour")}, 1900),
    ("Lantern", "lighting", {"colour": COLOURS[1:6], "power": ("battery", "solar")}, 2600),
    ("Backpack", "travel", {"colour": COLOURS[:6], "capacity": ("18 litre", "26 litre")}, 6900),
    ("Suitcase", "travel", {"colour": COLOURS[2:8], "size": ("cabin size", "medium size", "large size")}, 12900),
    ("Duffel Bag", "travel", {"colour": COLOURS[:4], "material": ("canvas", "leather", "nylon")}, 5900),
    ("Travel Pillow", "travel", {"colour": COLOURS[:5], "filling": ("memory foam", "feather")}, 2400),
    ("Rain Jacket", "clothing", {"colour": COLOURS[:5], "size": ("size S", "size M", "size L", "size XL")}, 8900),
    ("Wool Jumper", "clothing", {"colour": COLOURS[1:6], "size": ("size S", "size M", "size L")}, 7400),
    ("Hiking Boots", "clothing", {"size": ("size 38", "size 40", "size 42", "size 44"), "sole": ("soft sole", "stiff sole")}, 13900),
    ("Beanie", "clothing", {"colour": COLOURS, "material": ("cotton", "merino")}, 1900),
    ("Scarf", "clothing", {"colour": COLOURS[:6], "material": ("linen", "cashmere")}, 3200),
    ("Running Socks", "clothing", {"colour": COLOURS[3:8], "size": ("size 36-39", "size 40-43", "size 44-47")}, 1400),
    ("Yoga Mat", "sport", {"colour": COLOURS[:5], "thickness": ("4 mm", "6 mm")}, 3400),
    ("Dumbbell Set", "sport", {"weight": ("4 kg", "8 kg", "12 kg"), "finish": ("neoprene", "chrome", "rubber")}, 5200),
    ("Jump Rope", "sport", {"colour": COLOURS[4:8], "handle": ("wooden handle", "foam handle")}, 1500),
    ("Water Bottle", "sport", {"colour": COLOURS, "capacity": ("500 ml", "750 ml")}, 2200),
    ("Tent", "outdoor", {"colour": COLOURS[:3], "places": ("two-person", "three-person", "four-person")}, 19900),
    ("Sleeping Bag", "outdoor", {"colour": COLOURS[:4], "season": ("summer", "three-season", "winter")}, 9900),
    ("Camping Stove", "outdoor", {"fuel": ("gas", "spirit", "multi-fuel"), "burners": ("one burner", "two burners")}, 6400),
    ("Hammock", "outdoor", {"colour": COLOURS[:5], "width": ("single width", "double width")}, 4400),
    ("Bookshelf", "furniture", {"wood": ("ash", "oak", "walnut"), "shelves": ("three shelves", "four shelves", "five shelves")}, 14900),
    ("Desk Chair", "furniture", {"colour": COLOURS[2:8], "armrests": ("fixed armrests", "no armrests")}, 17900),
    ("Bedside Table", "furniture", {"wood": ("ash", "oak", "pine"), "drawers": ("one drawer", "two drawers")}, 8400),
    ("Wall Mirror", "furniture", {"frame": ("brass frame", "oak frame", "black frame"), "shape": ("oval", "round", "square")}, 6900),
    ("Throw Blanket", "home textiles", {"colour": COLOURS, "material": ("cotton", "wool")}, 4900),
    ("Bath Towel", "home textiles", {"colour": COLOURS[:6], "size": ("50 x 100 cm", "70 x 140 cm")}, 1800),
    ("Cushion Cover", "home textiles", {"colour": COLOURS[:6], "size": ("40 x 40 cm", "50 x 50 cm")}, 1600),
    ("Bed Linen", "home textiles", {"colour": COLOURS[2:7], "size": ("single bed", "double bed")}, 6400),
    ("Headphones", "electronics", {"colour": COLOURS[3:8], "fit": ("over-ear", "on-ear")}, 11900),
    ("Bluetooth Speaker", "electronics", {"colour": COLOURS[:6], "battery": ("10 hours", "20 hours")}, 7900),
    ("Keyboard", "electronics", {"layout": ("German layout", "British layout", "Nordic layout"), "switches": ("silent keys", "clicky keys")}, 8900),
    ("Phone Case", "electronics", {"colour": COLOURS, "material": ("silicone", "cork")}, 2100),
    ("Alarm Clock", "electronics", {"colour": COLOURS[:4], "display": ("analogue", "digital")}, 3100),
    ("Notebook", "stationery", {"colour": COLOURS[:6], "paper": ("lined", "dotted", "plain")}, 1300),
    ("Fountain Pen", "stationery", {"colour": COLOURS[3:8], "nib": ("fine nib", "medium nib", "broad nib")}, 3600),
    (
        "Board Game",
        "games",
        {"edition": ("travel edition", "family edition", "collector edition"), "language": ("English", "German", "Danish")},
        3300,
    ),
    ("Jigsaw Puzzle", "games", {"motif": ("lighthouse", "orchard", "harbour"), "pieces": ("500 pieces", "1000 pieces", "2000 pieces")}, 2300),
    ("Plant Pot", "garden", {"colour": COLOURS[:6], "diameter": ("14 cm", "22 cm")}, 1700),
    ("Watering Can", "garden", {"colour": COLOURS[1:6], "capacity": ("2 litre", "5 litre")}, 2500),
    ("Pruning Shears", "garden", {"grip": ("left-handed", "right-handed"), "blade": ("short blade", "curved blade", "long blade")}, 2800),
)
