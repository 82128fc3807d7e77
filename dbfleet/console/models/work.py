"""What is to be done, when, and who does it: Schedule → Job → Part.

A job is a piece of work on record. Workers do its parts: a part is claimed with a token and a lease (jobs/claims.py)
and is finished only with that token, so a part that two workers did counts once.
"""

from __future__ import annotations

from django.db import models


class Schedule(models.Model):
    """When jobs of one kind are made. A slot is a moment at which one is due: it becomes a job once (`Job.slot`)."""

    name = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=20)
    arguments = models.JSONField(default=dict)
    every_s = models.PositiveIntegerField(null=True)
    """An interval: slots are multiples of it, counted from `anchor`."""
    cron = models.CharField(max_length=100, default="", blank=True)
    """Five fields; the hours are those of `time_zone`."""
    time_zone = models.CharField(max_length=60, default="UTC")
    anchor = models.DateTimeField()
    paused = models.BooleanField(default=False)
    made_by = models.CharField(max_length=200)
    made_at = models.DateTimeField()
    last_slot = models.DateTimeField(null=True)
    """The newest slot that is on record as a job."""
    state = models.CharField(max_length=20, default="new")
    """new, ok, drift, red, failed, overdue, cannot tell: what its last finished job, or the lack of one, says."""
    state_since = models.DateTimeField(null=True)
    verified_through = models.DateTimeField(null=True)
    """The last moment at which what it compares was proven to be the same."""
    ring = models.OneToOneField(
        "django_celery_beat.PeriodicTask", null=True, on_delete=models.SET_NULL, related_name="+"
    )
    """What makes beat ring; it may be lost or late, the slots stand here."""

    def __str__(self) -> str:
        return str(self.name)


class Job(models.Model):
    """A piece of work on record."""

    WAITING, RUNNING, DONE, FAILED, CANCELLED, OVERDUE = "waiting", "running", "done", "failed", "cancelled", "overdue"
    ENDED = (DONE, FAILED, CANCELLED, OVERDUE)

    schedule = models.ForeignKey(Schedule, null=True, on_delete=models.SET_NULL, related_name="jobs")
    slot = models.DateTimeField(null=True)
    kind = models.CharField(max_length=20)
    arguments = models.JSONField(default=dict)
    source = models.CharField(max_length=300, default="", blank=True)
    target = models.CharField(max_length=300, default="", blank=True)
    state = models.CharField(max_length=12, default=WAITING)
    made_by = models.CharField(max_length=200)
    made_at = models.DateTimeField()
    begun_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    cancel_asked_by = models.CharField(max_length=200, default="", blank=True)
    rows = models.BigIntegerField(default=0)
    verdict = models.CharField(max_length=20, default="", blank=True)
    """What a job that was done found: ok, drift, red, cannot tell. Empty where it only did something."""
    error = models.TextField(default="", blank=True)
    hint = models.TextField(default="", blank=True)
    trouble = models.CharField(max_length=40, default="", blank=True)
    """The class of the error in dbfleet/errors.py, by which the command line finds its exit code."""
    result = models.JSONField(null=True)
    resumes = models.BooleanField(default=False)
    """It goes on with what an earlier try of it has left."""

    class Meta:
        constraints = (
            # Two beats, or a ring that comes twice, make one job.
            models.UniqueConstraint(fields=["schedule", "slot"], name="console_job_slot"),
        )
        indexes = (
            models.Index(fields=["state", "-id"], name="console_job_state"),
            models.Index(fields=["kind", "-id"], name="console_job_kind"),
            models.Index(fields=["schedule", "-id"], name="console_job_schedule"),
        )

    def __str__(self) -> str:
        return f"job {self.pk}: {self.kind}"


class Part(models.Model):
    """What one worker does of a job at a time. `lead` parts run the job; a lead may hand out others while it runs."""

    WAITING, RUNNING, DONE, FAILED, DROPPED = "waiting", "running", "done", "failed", "dropped"

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="parts")
    number = models.IntegerField()
    lead = models.BooleanField(default=False)
    what = models.CharField(max_length=200, default="", blank=True)
    spec = models.JSONField(default=dict)
    needs = models.CharField(max_length=20, default="", blank=True)
    """`host`: only a worker that can start servers may take it."""
    state = models.CharField(max_length=12, default=WAITING)
    token = models.UUIDField(null=True)
    worker = models.CharField(max_length=200, default="", blank=True)
    lease_until = models.DateTimeField(null=True)
    attempts = models.IntegerField(default=0)
    rows = models.BigIntegerField(default=0)
    told = models.CharField(max_length=300, default="", blank=True)
    """How far it is, in words."""
    begun_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    result = models.JSONField(null=True)
    error = models.TextField(default="", blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["job", "number"], name="console_part_number"),)
        indexes = (
            models.Index(
                fields=["job", "number"], name="console_part_open", condition=models.Q(state__in=["waiting", "running"])
            ),
        )

    def __str__(self) -> str:
        return f"part {self.number} of {self.job_id}"


class CopyJournal(models.Model):
    """The journal of a copy that workers do (ops/copy/journal.py): what is done of which collection."""

    word = models.CharField(max_length=32, primary_key=True)
    content = models.TextField()
    """Text, not JSON: a name may hold what PostgreSQL's jsonb refuses."""
    saved_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.word)
