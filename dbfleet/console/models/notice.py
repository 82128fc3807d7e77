"""Who is told when something changes, and what was told."""

from __future__ import annotations

from django.db import models


class Channel(models.Model):
    """Where notices go: an Apprise URL, which holds a secret and is never shown again. `about`: kinds of schedules, and
    `health`; empty for all."""

    name = models.CharField(max_length=100, unique=True)
    url = models.TextField()
    about = models.JSONField(default=list)
    pattern = models.CharField(max_length=300, default="*")
    """Of the targets' names."""
    enabled = models.BooleanField(default=True)
    made_by = models.CharField(max_length=200)
    made_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.name)


class Maintenance(models.Model):
    """A time in which nobody is told about the targets that match; what changed is on record nevertheless."""

    pattern = models.CharField(max_length=300)
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    why = models.CharField(max_length=300, default="", blank=True)
    made_by = models.CharField(max_length=200)

    def __str__(self) -> str:
        return f"maintenance of {self.pattern}"


class Notice(models.Model):
    """One change of state and one channel: waiting, sent, failed (tried often enough), held by a maintenance, or
    dropped by an admin."""

    WAITING, SENT, FAILED, HELD, DROPPED = "waiting", "sent", "failed", "held", "dropped"

    at = models.DateTimeField()
    about = models.CharField(max_length=300)
    """The schedule or target that changed."""
    before = models.CharField(max_length=20)
    after = models.CharField(max_length=20)
    title = models.CharField(max_length=300)
    text = models.TextField(default="", blank=True)
    channel = models.ForeignKey(Channel, null=True, on_delete=models.SET_NULL, related_name="notices")
    state = models.CharField(max_length=10, default=WAITING)
    tries = models.IntegerField(default=0)
    try_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    error = models.TextField(default="", blank=True)

    class Meta:
        indexes = (models.Index(fields=["state", "try_at"], name="console_notice_state"),)

    def __str__(self) -> str:
        return str(self.title)
