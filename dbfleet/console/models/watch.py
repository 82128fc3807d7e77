"""How the fleet is, and who looks after it."""

from __future__ import annotations

from django.db import models


class TargetState(models.Model):
    """How a target is now, as its last sample says."""

    target = models.CharField(max_length=300, primary_key=True)
    engine = models.CharField(max_length=40)
    url = models.TextField(default="", blank=True)
    """Without its password."""
    ok = models.BooleanField(null=True)
    since = models.DateTimeField(null=True)
    at = models.DateTimeField(null=True)
    latency_ms = models.FloatField(null=True)
    product = models.CharField(max_length=100, default="", blank=True)
    version = models.CharField(max_length=100, default="", blank=True)
    memory = models.BigIntegerField(null=True)
    error = models.TextField(default="", blank=True)
    told = models.CharField(max_length=10, default="", blank=True)
    """ok or red: what two looks in a row have said last. A change of it is what people are told."""

    def __str__(self) -> str:
        return str(self.target)


class Sample(models.Model):
    """One look at a target. Of `span` seconds: 0 is a single look, else a roll-up of the looks in that time."""

    target = models.CharField(max_length=300)
    span = models.IntegerField(default=0)
    at = models.DateTimeField()
    looks = models.IntegerField(default=1)
    bad = models.IntegerField(default=0)
    latency_ms = models.FloatField(null=True)
    latency_max_ms = models.FloatField(null=True)
    memory = models.BigIntegerField(null=True)
    error = models.TextField(default="", blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["target", "span", "at"], name="console_sample_at"),)

    def __str__(self) -> str:
        return f"{self.target} {self.at:%F %T}"


class Pulse(models.Model):
    """A process of the console that was alive at `at`."""

    name = models.CharField(max_length=200, primary_key=True)
    """beat, or worker@HOST:PID"""
    role = models.CharField(max_length=20)
    at = models.DateTimeField()
    begun_at = models.DateTimeField()
    slots = models.IntegerField(default=0)
    abilities = models.JSONField(default=list)
    version = models.CharField(max_length=40, default="", blank=True)

    def __str__(self) -> str:
        return str(self.name)
