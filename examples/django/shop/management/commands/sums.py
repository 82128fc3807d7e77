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
            orders = models.Order.objects.aggregate(orders=Count("pk"), total=Sum("total"))
            items = models.OrderItem.objects.aggregate(items=Count("line"))
            found[target] = (orders["orders"], orders["total"], items["items"])
            self.stdout.write(f"{target:12} {orders['orders']:8} orders {items['items']:8} items {orders['total']:14}")
        if len(set(found.values())) != 1:
            raise CommandError("the engines do not agree")
