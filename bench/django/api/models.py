from django.db import models


STATUSES = [(name, name) for name in ("pending", "running", "completed", "failed")]  # for forms; loaddata takes any


class Score(models.Model):
    username = models.CharField(max_length=150)
    challenge_id = models.CharField(max_length=100)
    score = models.FloatField(null=True, blank=True)
    emd_score = models.FloatField(null=True, blank=True)
    emd_std = models.FloatField(null=True, blank=True)
    ima_score = models.FloatField(null=True, blank=True)
    ima_std = models.FloatField(null=True, blank=True)
    method_name = models.CharField(max_length=100, null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    status = models.CharField(max_length=20, choices=STATUSES, default="completed")
    error_message = models.TextField(null=True, blank=True)


class Challenge(models.Model):
    challenge_id = models.CharField(max_length=100, unique=True)
    title = models.CharField(max_length=100)
    description = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=150, default="admin")
    closes_on = models.DateTimeField(null=True, blank=True)
    dataset = models.FileField(null=True, blank=True)
    mlmodel = models.FileField(null=True, blank=True)
    xaimethod = models.FileField(null=True, blank=True)
