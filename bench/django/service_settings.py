"""The settings of the legacy stack as a service. Nothing is in the way of an answer: no middleware, no sign-in, no DEBUG."""

from settings import *  # noqa: F401,F403
from settings import DATABASES, INSTALLED_APPS

INSTALLED_APPS += ["rest_framework"]
DATABASES["default"]["CONN_MAX_AGE"] = None
ROOT_URLCONF = "service"
ALLOWED_HOSTS = ["*"]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "UNAUTHENTICATED_USER": None,
}
