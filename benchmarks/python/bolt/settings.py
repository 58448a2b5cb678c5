"""Django settings of the benchmark's django-bolt app: nothing but what it needs."""

import os

SECRET_KEY = "benchmark"
DEBUG = False
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django_bolt"]
ROOT_URLCONF = "bolt.api"
DATABASES: dict[str, dict[str, str]] = {}
BOLT_API = ["bolt.api:api"]
USE_TZ = True
LOGGING_CONFIG = None
if "BENCHMARK_GUARDED" in os.environ:
    CORS_ALLOWED_ORIGINS = ["https://app.example.com"]
