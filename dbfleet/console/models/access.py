"""Who may do what, and what a person keeps in the console.

A role is granted for a pattern of targets' names (`*`, `prod-*`, `shop`). Each role may do what the ones before it may:
viewer sees states, jobs, receipts; reader asks targets by their read-only accounts; operator makes dumps, drills and
schedules; writer loads, copies, syncs, seeds and runs statements that write; admin grants, on all targets alone.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models

ROLES = ("viewer", "reader", "operator", "writer", "admin")


class Grant(models.Model):
    """A role of a user on the targets whose names match the pattern (fnmatch)."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="grants")
    pattern = models.CharField(max_length=300)
    role = models.CharField(max_length=10, choices=[(role, role) for role in ROLES])
    made_by = models.CharField(max_length=200)
    made_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["user", "pattern"], name="console_grant_pattern"),)

    def __str__(self) -> str:
        return f"{self.role} on {self.pattern}"


class Token(models.Model):
    """A token of the API. It may do what its maker may, at most `role`, on targets that match `pattern`. Only its hash
    is kept: it is shown once."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12, unique=True)
    """The beginning, by which a person knows it again."""
    hash = models.CharField(max_length=64, unique=True)
    role = models.CharField(max_length=10, choices=[(role, role) for role in ROLES])
    pattern = models.CharField(max_length=300, default="*")
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.name})"


class LoginLink(models.Model):
    """A link that logs somebody in once, printed on a terminal; without a user it makes the first admin."""

    hash = models.CharField(max_length=64, primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+")
    made_by = models.CharField(max_length=200)
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"a link by {self.made_by}"


class LoginAttempt(models.Model):
    """A try to log in, for the throttle: counted over all processes of web."""

    at = models.DateTimeField(db_index=True)
    name = models.CharField(max_length=200)
    address = models.CharField(max_length=60)
    ok = models.BooleanField()

    def __str__(self) -> str:
        return f"{self.name} from {self.address}"


class SavedQuery(models.Model):
    """A statement that somebody keeps, for others too if it is `shared`."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=200)
    targets = models.JSONField(default=list)
    text = models.TextField()
    shared = models.BooleanField(default=False)
    changed_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["user", "name"], name="console_savedquery_name"),)

    def __str__(self) -> str:
        return str(self.name)


class Asked(models.Model):
    """A statement that runs for somebody now, or has ended today. The process that runs it looks here: it stops the
    statement on the server where `cancel` is set, or where the page that asked has not been heard of for a while (its
    tab was closed)."""

    id = models.UUIDField(primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    target = models.CharField(max_length=300)
    begun_at = models.DateTimeField()
    heard_at = models.DateTimeField()
    cancel = models.BooleanField(default=False)
    state = models.CharField(max_length=12, default="running")
    """running, or its outcome for a day: done, failed, cancelled."""
    rows = models.BigIntegerField(default=0)
    error = models.TextField(default="", blank=True)

    def __str__(self) -> str:
        return f"{self.target}: {self.id}"


class Budget(models.Model):
    """What jobs may take of a target: so many at a time, each statement so many seconds, and nothing in quiet hours
    (local times of `time_zone`; they may go over midnight)."""

    target = models.CharField(max_length=300, unique=True)
    jobs = models.PositiveIntegerField(null=True)
    statement_s = models.FloatField(null=True)
    quiet_from = models.TimeField(null=True)
    quiet_to = models.TimeField(null=True)
    time_zone = models.CharField(max_length=60, default="UTC")

    def __str__(self) -> str:
        return f"budget of {self.target}"
