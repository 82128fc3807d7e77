"""The collections of neo4j (Neo4j), by: dbfleet models --format django neo4j."""

from dbfleet.django import records
from dbfleet.values import Type


class Customer(records.Record):
    """The rows of customers."""

    id = records.Column(Type.INT, key=1)
    public_id = records.Column(Type.UUID)
    name = records.Column(Type.TEXT)
    email = records.Column(Type.TEXT)
    locale = records.Column(Type.TEXT)
    address = records.Column(Type.JSON, null=True)
    birthday = records.Column(Type.DATE, null=True)
    joined_at = records.Column(Type.INSTANT)
    newsletter = records.Column(Type.BOOL, null=True)
    legacy_id = records.Column(Type.INT, null=True)
    credit_limit = records.Column(Type.DECIMAL, null=True)
    call_after = records.Column(Type.TIME, null=True)
    avatar = records.Column(Type.BYTES, null=True)
    note = records.Column(Type.TEXT, null=True)

    class Meta:
        target = "neo4j"
        collection = "customers"


class Follow(records.Record):
    """The rows of follows."""

    follower_id = records.Column(Type.INT, key=1)
    followed_id = records.Column(Type.INT, key=2)
    since = records.Column(Type.DATE)
    follower = records.Reference("Customer", {"follower_id": "id"})
    followed = records.Reference("Customer", {"followed_id": "id"})

    class Meta:
        target = "neo4j"
        collection = "follows"


class OrderItem(records.Record):
    """The rows of order_items."""

    order_id = records.Column(Type.INT, key=1)
    line = records.Column(Type.INT, key=2)
    product_id = records.Column(Type.INT)
    quantity = records.Column(Type.INT)
    unit_price = records.Column(Type.DECIMAL)
    discount = records.Column(Type.DECIMAL, null=True)
    order = records.Reference("Order", {"order_id": "id"})
    product = records.Reference("Product", {"product_id": "id"})

    class Meta:
        target = "neo4j"
        collection = "order_items"


class Order(records.Record):
    """The rows of orders."""

    id = records.Column(Type.INT, key=1)
    customer_id = records.Column(Type.INT)
    status = records.Column(Type.TEXT)
    channel = records.Column(Type.TEXT)
    gift = records.Column(Type.BOOL)
    total = records.Column(Type.DECIMAL)
    ordered_at = records.Column(Type.INSTANT)
    paid_at = records.Column(Type.INSTANT, null=True)
    shipped_at = records.Column(Type.INSTANT, null=True)
    delivered_on = records.Column(Type.DATE, null=True)
    tracking_number = records.Column(Type.INT, null=True)
    delivery_slot = records.Column(Type.TIME, null=True)
    note = records.Column(Type.TEXT, null=True)
    customer = records.Reference("Customer", {"customer_id": "id"})

    class Meta:
        target = "neo4j"
        collection = "orders"


class Product(records.Record):
    """The rows of products."""

    id = records.Column(Type.INT, key=1)
    sku = records.Column(Type.TEXT)
    name = records.Column(Type.TEXT)
    category = records.Column(Type.TEXT)
    price = records.Column(Type.DECIMAL)
    weight_kg = records.Column(Type.FLOAT, null=True)
    stock = records.Column(Type.INT)
    active = records.Column(Type.BOOL)
    released_on = records.Column(Type.DATE)
    discontinued_on = records.Column(Type.DATE, null=True)
    description = records.Column(Type.TEXT, null=True)
    attributes = records.Column(Type.JSON)
    updated_at = records.Column(Type.DATETIME)

    class Meta:
        target = "neo4j"
        collection = "products"


class Review(records.Record):
    """The rows of reviews."""

    id = records.Column(Type.UUID, key=1)
    product_id = records.Column(Type.INT)
    customer_id = records.Column(Type.INT)
    rating = records.Column(Type.INT)
    title = records.Column(Type.TEXT, null=True)
    body = records.Column(Type.TEXT, null=True)
    sentiment = records.Column(Type.FLOAT, null=True)
    helpful = records.Column(Type.INT)
    posted_at = records.Column(Type.DATETIME)
    product = records.Reference("Product", {"product_id": "id"})
    customer = records.Reference("Customer", {"customer_id": "id"})

    class Meta:
        target = "neo4j"
        collection = "reviews"
