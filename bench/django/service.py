"""
What Exact is compared with: the list of challenges, one challenge, and a page of its leaderboard, as one writes them with
Django REST framework: a serializer for each model, one or two queries for each answer, the best score of each participant.

    gunicorn --workers 2 --threads 4 service:application
"""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "service_settings")

from django.core.wsgi import get_wsgi_application  # noqa: E402, it needs the settings

application = get_wsgi_application()

from django.db.models import Count, OuterRef, Subquery  # noqa: E402
from django.db.models.functions import Coalesce  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework import generics, serializers  # noqa: E402

from api.models import Challenge, Score  # noqa: E402

PAGE = 100


class ChallengeSerializer(serializers.ModelSerializer):
    participant_count = serializers.IntegerField()

    class Meta:
        model = Challenge
        fields = [
            "challenge_id",
            "title",
            "description",
            "created_at",
            "created_by",
            "closes_on",
            "dataset",
            "mlmodel",
            "xaimethod",
            "participant_count",
        ]


class ScoreSerializer(serializers.ModelSerializer):
    class Meta:
        model = Score
        fields = "__all__"


class ChallengeList(generics.ListAPIView):
    serializer_class = ChallengeSerializer

    def get_queryset(self):
        """Counts all participants in one pass over the scores, instead of one for each challenge."""
        rows = Score.objects.order_by().values_list("challenge_id").annotate(Count("username", distinct=True))
        counts = dict(rows)
        challenges = list(Challenge.objects.order_by("-id"))
        for challenge in challenges:
            challenge.participant_count = counts.get(challenge.challenge_id, 0)
        return challenges


class ChallengeDetail(generics.RetrieveAPIView):
    serializer_class = ChallengeSerializer
    lookup_field = "challenge_id"

    def get_queryset(self):
        participants = (
            Score.objects.filter(challenge_id=OuterRef("challenge_id"))
            .order_by()
            .values("challenge_id")
            .annotate(count=Count("username", distinct=True))
            .values("count")
        )
        return Challenge.objects.annotate(participant_count=Coalesce(Subquery(participants), 0))


class Leaderboard(generics.ListAPIView):
    serializer_class = ScoreSerializer

    def get_queryset(self):
        best = (
            Score.objects.filter(
                challenge_id=self.kwargs["challenge_id"], status="completed", emd_score__isnull=False
            )
            .order_by("username", "-emd_score", "created_at", "id")
            .distinct("username")
            .values("id")
        )
        return Score.objects.filter(id__in=Subquery(best)).order_by("-emd_score", "created_at", "id")[:PAGE]


urlpatterns = [
    path("api/challenges", ChallengeList.as_view()),
    path("api/challenges/<str:challenge_id>", ChallengeDetail.as_view()),
    path("api/challenges/<str:challenge_id>/leaderboard", Leaderboard.as_view()),
]
