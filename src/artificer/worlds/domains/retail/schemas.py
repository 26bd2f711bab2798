"""Short words for the JSON Schemas of the shop's tools."""

from __future__ import annotations

from artificer.core.canon import Json

Schema = dict[str, Json]


def text(description: str, label: str | None = None, **more: Json) -> Schema:
    """A string that is not empty; `label` is what people call it."""
    schema: Schema = {"type": "string", "minLength": 1, "description": description, **more}
    return schema | {"x-label": label} if label else schema


def ref(column: str, description: str, label: str) -> Schema:
    """A surrogate id: it must have been shown by a tool before it may be used."""
    return text(description, label) | {"x-ref": column}


def amount(description: str) -> Schema:
    """A sum of money."""
    return {"type": "number", "description": description}


def flag(description: str) -> Schema:
    """True or false."""
    return {"type": "boolean", "description": description}


def listing(items: Schema, description: str, **more: Json) -> Schema:
    """An array."""
    return {"type": "array", "items": items, "description": description, **more}


def record(properties: dict[str, Schema], *, optional: tuple[str, ...] = (), description: str | None = None) -> Schema:
    """An object that has these properties and no others."""
    required = [name for name in properties if name not in optional]
    schema: Schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return schema | {"description": description} if description else schema


CUSTOMER = ref("users.user_id", "The customer's id, as a find_customer tool shows it.", "customer")
ORDER = ref("orders.order_id", "The order's id, as list_orders shows it.", "order")
ITEM = ref("order_items.item_id", "The item's id, as get_order shows it.", "item")
PRODUCT = ref("products.product_id", "The product's id, as search_products or get_order shows it.", "product")
VARIANT = ref("variants.variant_id", "The variant's id, as list_variants shows it.", "variant")
PAYMENT = ref("payment_methods.payment_id", "The id of one of the customer's payment methods, as get_customer shows it.", "payment method")
ADDRESS = ref("addresses.address_id", "The id of one of the customer's saved addresses, as get_customer shows it.", "address")

STREET = text("House number and street.", "street", maxLength=80)
CITY = text("City.", "city", maxLength=60)
POSTCODE = text("Five digits.", "postcode", pattern="^[0-9]{5}$")
PLACE: dict[str, Schema] = {"street": STREET, "city": CITY, "postcode": POSTCODE}

OPTIONS: Schema = {"type": "object", "additionalProperties": {"type": "string"}, "description": "Option name to value, such as colour: teal."}
DAY = {"type": ["string", "null"], "description": "A date, YYYY-MM-DD; null when it has not happened."}
STATUS = text("Where the order stands.", "status", enum=["pending", "processed", "shipped", "delivered", "cancelled"])

CUSTOMER_SHOWN = record(
    {
        "customer_id": CUSTOMER,
        "first_name": text("First name.", "first name"),
        "last_name": text("Last name.", "last name"),
        "email": text("E-mail address.", "e-mail address"),
        "addresses": listing(
            record({"address_id": ADDRESS, "label": text("What the customer calls it.", "label"), **PLACE, "default": flag("The default address.")}),
            "Saved addresses.",
        ),
        "payment_methods": listing(
            record(
                {
                    "payment_id": PAYMENT,
                    "kind": text("What it is.", "kind", enum=["credit_card", "paypal", "gift_card"]),
                    "brand": text("Of a card.", "brand"),
                    "last_four": text("Last four digits of a card.", "last four digits"),
                    "balance": amount("What is left on a gift card, in euros."),
                },
                optional=("brand", "last_four", "balance"),
            ),
            "Saved payment methods.",
        ),
    }
)

ORDER_LINE = record(
    {
        "order_id": ORDER,
        "status": STATUS,
        "placed_on": DAY,
        "total": amount("In euros."),
        "products": listing(text("A product's name."), "Names of the products in the order."),
        "delivered_on": DAY,
    },
    optional=("delivered_on",),
)

ORDER_SHOWN = record(
    {
        "order_id": ORDER,
        "customer_id": CUSTOMER,
        "status": STATUS,
        "placed_on": DAY,
        "delivered_on": DAY,
        "address": record(PLACE, description="Where it goes."),
        "payment_id": PAYMENT,
        "total": amount("In euros."),
        "items_changed": flag("Whether the items were changed once already."),
        "items": listing(
            record(
                {
                    "item_id": ITEM,
                    "product_id": PRODUCT,
                    "product": text("The product's name.", "product"),
                    "final_sale": flag("Sold as final: no return, no exchange."),
                    "variant_id": VARIANT,
                    "options": OPTIONS,
                    "price": amount("In euros."),
                    "state": text("What became of it.", "state", enum=["kept", "returned", "exchanged"]),
                }
            ),
            "What is in the order.",
        ),
        "cancel_reason": text("Why it was cancelled.", "reason"),
    },
    optional=("cancel_reason",),
)

VARIANT_SHOWN = record(
    {
        "variant_id": VARIANT,
        "product_id": PRODUCT,
        "options": OPTIONS,
        "price": amount("In euros."),
        "stock": {"type": "integer", "description": "How many are in stock."},
    }
)

SWAPS = listing(
    record({"item_id": ITEM, "new_variant_id": VARIANT}), "Which item becomes which variant of the same product.", minItems=1, maxItems=20
)
