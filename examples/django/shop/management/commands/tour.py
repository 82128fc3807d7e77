"""`manage.py tour`: what a script that fills databases does, on every engine."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.core.management import BaseCommand
from django.db import NotSupportedError

from shop.fleet_apps import every, that_read, with_a_database

NUMBER = 9_000_001
"""The number of the order that is saved, and removed again."""


class Command(BaseCommand):
    """Reads, joins, saves and removes; what an engine's classes only read is told."""

    help = "Reads, joins, saves and removes, on every engine."

    def handle(self, **options: Any) -> None:
        """Go through the targets."""
        for target, models in every():
            first = models.Order.objects.order_by("pk")[:1][0]
            self.stdout.write(f"{target}: order {first.pk} is of {first.customer.name}, {first.total}")
        for target, models in with_a_database().items():
            self._save(target, models)
        self._others()
        for target, models in that_read().items():
            try:
                models.Order.objects.create(id=NUMBER)
            except NotSupportedError as refused:
                self.stdout.write(f"{target}: {refused}")

    def _save(self, target: str, models: Any) -> None:
        order = models.Order(
            id=NUMBER,
            customer_id=1,
            status="paid",
            channel="web",
            gift=False,
            total=Decimal("12.50"),
            ordered_at=datetime(2024, 2, 29, 13, 5, tzinfo=UTC),
        )
        order.save(using=target, force_insert=True)
        again = models.Order.objects.using(target).get(pk=NUMBER)
        lines = models.OrderItem.objects.filter(order__customer__pk=1).count()
        self.stdout.write(f"{target}: saved order {again.pk} of {again.total:.2f}; customer 1 has {lines} lines")
        again.delete()

    def _others(self) -> None:
        """One model asked of several databases: of those whose tables are alike."""
        apps = with_a_database()
        home = next((models for target, models in apps.items() if target in SQL), None)
        for alias in SQL:
            if home is not None and alias in apps:
                count = home.Customer.objects.using(alias).filter(newsletter=True).count()
                self.stdout.write(f"{alias}: {count} customers want the newsletter")


SQL = ("postgres", "mysql", "mariadb", "sqlite")
"""Engines that keep the shop's columns for customers alike."""
