"""The chain: everything that was asked, done and found, each entry with the hash of the one before (console/chain.py).

A trigger refuses to change or remove an entry, and the web's account has no right to.
"""

from __future__ import annotations

from django.db import models


class Entry(models.Model):
    """One link. `body` is canonical JSON as text, so that its hash is of the very bytes that are kept."""

    seq = models.BigIntegerField(primary_key=True)
    """1, 2, 3 … without a gap."""
    at = models.DateTimeField()
    kind = models.CharField(max_length=20)
    """statement, receipt, login, grant, job …"""
    who = models.CharField(max_length=200)
    role = models.CharField(max_length=20, default="", blank=True)
    token = models.CharField(max_length=100, default="", blank=True)
    target = models.CharField(max_length=300, default="", blank=True)
    body = models.TextField()
    previous = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        indexes = (
            models.Index(fields=["kind", "-seq"], name="console_entry_kind"),
            models.Index(fields=["who", "-seq"], name="console_entry_who"),
            models.Index(fields=["target", "-seq"], name="console_entry_target"),
        )

    def __str__(self) -> str:
        return f"{self.seq} {self.kind} {self.who}"


class Receipt(models.Model):
    """An index of the entries of kind receipt; what counts is the entry."""

    entry = models.OneToOneField(Entry, on_delete=models.PROTECT, primary_key=True, related_name="receipt")
    job = models.ForeignKey("console.Job", null=True, on_delete=models.SET_NULL, related_name="receipts")
    kind = models.CharField(max_length=20)
    source = models.CharField(max_length=300, default="", blank=True)
    target = models.CharField(max_length=300, default="", blank=True)
    same = models.BooleanField(null=True)
    rows = models.BigIntegerField(default=0)

    class Meta:
        indexes = (models.Index(fields=["kind", "-entry"], name="console_receipt_kind"),)

    def __str__(self) -> str:
        return f"receipt {self.pk}: {self.kind}"
