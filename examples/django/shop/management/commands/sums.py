"""`manage.py sums`: what all orders come to, by every engine."""

from typing import Any

from django.core.management import BaseCommand, CommandError
from django.db.models import Count, Sum

from shop.fleet_apps import every


class Command(BaseCommand):
    """Prints the number and the sum of the orders of each target, and fails where they differ."""

    help = "The sum of all orders, by every engine."

    def handle(self, **options: Any) -> None:
        """Ask each target the same."""
        found = {}
        for target, models in every():
            # MongoDB's backend confuses a name of an aggregate with that of a collection, so it is not called orders.
            orders = models.Order.objects.aggregate(number=Count("pk"), total=Sum("total"))
            items = models.OrderItem.objects.aggregate(number=Count("line"))
            found[target] = (orders["number"], orders["total"], items["number"])
            self.stdout.write(f"{target:12} {orders['number']:8} orders {items['number']:8} items {orders['total']:14}")
        if len(set(found.values())) != 1:
            raise CommandError("the engines do not agree")
