"""The model registry: the ModelVersion row says what is live; artifacts are in the model directory."""

from typing import ClassVar

from django.db import models

from common.personal_data import PersonalFields, staff_fields


class ModelState(models.TextChoices):
    """The state of a model version."""

    CHALLENGER = "candidate", "Challenger"
    CHAMPION = "champion", "Live"
    RETIRED = "retired", "Retired"
    REFUSED = "refused", "Refused"


class RunState(models.TextChoices):
    """The state of a training run."""

    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    STOPPED = "stopped", "Stopped"


class ModelVersion(models.Model):
    """One trained bundle. Its directory must match `artifact_hash` before anything is loaded."""

    version = models.CharField(max_length=40, unique=True)
    state = models.CharField(max_length=10, choices=ModelState, default=ModelState.CHALLENGER)
    directory = models.CharField(max_length=500, help_text="Relative to the model directory")
    artifact_hash = models.CharField(max_length=64)
    data_hash = models.CharField(max_length=64, blank=True)
    seed = models.BigIntegerField(default=7)
    stage = models.CharField(max_length=60, blank=True)
    metrics = models.JSONField(default=dict, blank=True)
    report = models.JSONField(default=dict, blank=True)
    gate = models.JSONField(
        default=dict,
        db_default={},
        blank=True,
        help_text="All checks of the gate with number and limit; empty: never judged",
    )
    refusal = models.TextField(blank=True)
    increment = models.JSONField(
        default=dict,
        db_default={},
        blank=True,
        help_text="The latest increment: directory, artifact_hash, and its data; empty: none",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    promoted_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)
    pruned_at = models.DateTimeField(null=True, blank=True, help_text="When the artifact was deleted, as too old")
    tracking_run = models.CharField(max_length=120, default="", db_default="", blank=True)
    """Its run in MLflow, as experiment/run."""
    impersonal_fields: ClassVar[dict[str, str]] = {
        "metrics": "numbers of many shoppers",
        "report": "numbers of many shoppers",
        "gate": "numbers of many shoppers",
        "increment": "of a model",
    }

    class Meta:
        ordering = ["-created_at", "-id"]
        permissions: ClassVar = [("replay_answers", "Can compute answers again without seeing whose they were")]
        constraints = [
            models.UniqueConstraint(fields=["state"], condition=models.Q(state="champion"), name="one_champion"),
        ]

    def __str__(self) -> str:
        return self.version

    @property
    def passed(self) -> bool:
        """Whether this version passed the gate."""
        return self.gate.get("passed") is True

    @property
    def failed(self) -> bool:
        """Whether this version failed the gate; False before its verdict."""
        return self.gate.get("passed") is False

    @property
    def failed_checks(self) -> list[str]:
        """The names of the gate's failed checks."""
        return [check["name"] for check in self.gate.get("checks", ()) if not check["passed"]]


class ModelIncrement(models.Model):
    """One increment of a version that was published; its directory is kept for a while (`REPLAY_INCREMENTS`)."""

    model_version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="increments")
    directory = models.CharField(max_length=100, help_text="In the folder of the version's increments")
    artifact_hash = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.model_version}, increment {self.pk}"


class Sampler(models.TextChoices):
    """The method of the search for settings."""

    TPE = "tpe", "Bayesian (TPE)"
    RANDOM = "random", "random"
    GRID = "grid", "grid"


class TrainingRun(models.Model):
    """One run of the training task, its progress written while it works."""

    state = models.CharField(max_length=10, choices=RunState, default=RunState.QUEUED)
    step = models.CharField(max_length=200, blank=True)
    progress = models.FloatField(default=0.0, help_text="0 to 1")
    budget_s = models.PositiveIntegerField(default=0, help_text="Seconds of tuning; 0: none")
    sampler = models.CharField(max_length=10, choices=Sampler, default=Sampler.TPE, db_default=Sampler.TPE)
    study = models.CharField(
        max_length=500, default="", db_default="", blank=True, help_text="The file of the search, to continue it"
    )
    thorough = models.BooleanField(
        default=False, help_text="Report also what each source is worth, and Surprise's SVD step by step"
    )
    exposure = models.FloatField(
        default=0.0, db_default=0.0, help_text="How strongly over-exposed items are held back, 0 to 1"
    )
    forced = models.BooleanField(default=False, db_default=False, help_text="Train even if a data check refuses")
    seed = models.BigIntegerField(default=7)
    actor = models.CharField(max_length=120)
    model_version = models.ForeignKey(
        ModelVersion, null=True, blank=True, on_delete=models.SET_NULL, related_name="runs"
    )
    message_id = models.CharField(
        max_length=64,
        null=True,
        unique=True,
        editable=False,
        help_text="The schedule's message that started it; a broker may deliver it again",
    )
    stop_asked_by = models.CharField(
        max_length=120, default="", db_default="", blank=True, help_text="Who requested the stop"
    )
    message = models.TextField(blank=True)
    data_report = models.JSONField(default=dict, blank=True)
    steps = models.JSONField(
        default=list,
        db_default=[],
        blank=True,
        help_text="Each step with the seconds since the start at which it began",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    personal_fields: ClassVar[tuple[PersonalFields, ...]] = (staff_fields("actor", "stop_asked_by"),)
    impersonal_fields: ClassVar[dict[str, str]] = {
        "data_report": "numbers of many shoppers",
        "steps": "times",
    }

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"training {self.pk}"
