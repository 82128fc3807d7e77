"""The collections of sqlserver (SQL Server), by: dbfleet models --format django sqlserver."""

from django.db import models

from dbfleet.django import fields


class Customer(models.Model):
    """The rows of customers."""

    id = models.BigIntegerField(primary_key=True)
    public_id = fields.UUIDField()
    name = models.CharField(max_length=80)
    email = models.CharField(max_length=120)
    locale = models.CharField(max_length=10)
    address = fields.JSONField(null=True, blank=True)
    birthday = models.DateField(null=True, blank=True)
    joined_at = models.DateTimeField()
    newsletter = models.BooleanField(null=True, blank=True)
    legacy_id = models.BigIntegerField(null=True, blank=True)
    credit_limit = models.DecimalField(max_digits=34, decimal_places=4, null=True, blank=True)
    call_after = models.TimeField(null=True, blank=True)
    avatar = models.BinaryField(max_length=256, null=True, blank=True)
    note = models.CharField(max_length=500, null=True, blank=True)

    class Meta:
        managed = False
        db_table = "customers"


class Follow(models.Model):
    """The rows of follows."""

    pk = models.CompositePrimaryKey("follower", "followed")
    follower = models.ForeignKey("Customer", models.DO_NOTHING, related_name="follows_by_follower")
    followed = models.ForeignKey("Customer", models.DO_NOTHING, related_name="follows_by_followed")
    since = models.DateField()

    class Meta:
        managed = False
        db_table = "follows"


class OrderItem(models.Model):
    """The rows of order_items."""

    pk = models.CompositePrimaryKey("order", "line")
    order = models.ForeignKey("Order", models.DO_NOTHING, related_name="order_items")
    line = models.BigIntegerField()
    product = models.ForeignKey("Product", models.DO_NOTHING, related_name="order_items")
    quantity = models.BigIntegerField()
    unit_price = models.DecimalField(max_digits=12, decimal_places=2)
    discount = models.DecimalField(max_digits=4, decimal_places=3, null=True, blank=True)

    class Meta:
        managed = False
        db_table = "order_items"


class Order(models.Model):
    """The rows of orders."""

    id = models.BigIntegerField(primary_key=True)
    customer = models.ForeignKey("Customer", models.DO_NOTHING, related_name="orders")
    status = models.CharField(max_length=20)
    channel = models.CharField(max_length=10)
    gift = models.BooleanField()
    total = models.DecimalField(max_digits=14, decimal_places=2)
    ordered_at = models.DateTimeField()
    paid_at = models.DateTimeField(null=True, blank=True)
    shipped_at = models.DateTimeField(null=True, blank=True)
    delivered_on = models.DateField(null=True, blank=True)
    tracking_number = models.BigIntegerField(null=True, blank=True)
    delivery_slot = models.TimeField(null=True, blank=True)
    note = models.CharField(max_length=500, null=True, blank=True)

    class Meta:
        managed = False
        db_table = "orders"


class Product(models.Model):
    """The rows of products."""

    id = models.BigIntegerField(primary_key=True)
    sku = models.CharField(max_length=20)
    name = models.CharField(max_length=120)
    category = models.CharField(max_length=20)
    price = models.DecimalField(max_digits=12, decimal_places=2)
    weight_kg = models.FloatField(null=True, blank=True)
    stock = models.BigIntegerField()
    active = models.BooleanField()
    released_on = models.DateField()
    discontinued_on = models.DateField(null=True, blank=True)
    description = models.CharField(max_length=500, null=True, blank=True)
    attributes = fields.JSONField()
    updated_at = fields.NaiveDateTimeField()

    class Meta:
        managed = False
        db_table = "products"


class Review(models.Model):
    """The rows of reviews."""

    id = fields.UUIDField(primary_key=True)
    product = models.ForeignKey("Product", models.DO_NOTHING, related_name="reviews")
    customer = models.ForeignKey("Customer", models.DO_NOTHING, related_name="reviews")
    rating = models.BigIntegerField()
    title = models.CharField(max_length=80, null=True, blank=True)
    body = models.CharField(max_length=1000, null=True, blank=True)
    sentiment = models.FloatField(null=True, blank=True)
    helpful = models.BigIntegerField()
    posted_at = fields.NaiveDateTimeField()

    class Meta:
        managed = False
        db_table = "reviews"
