"""Settings for a site that needs no database: what it remembers of a visitor is in a signed cookie."""

import os
import secrets

# Sessions and CSRF tokens depend on this key, and every instance of the function must have the same one. A random key
# is enough to try the site out: one process, one key.
SECRET_KEY = os.environ.get("SECRET_KEY") or secrets.token_urlsafe(50)

DEBUG = False

# Function Compute gives each trigger a name under fcapp.run, and its gateway has matched the Host header to this
# function before Django sees it, so the whole domain is safe to allow. A custom domain comes from the environment.
ALLOWED_HOSTS = [".fcapp.run", "localhost", "127.0.0.1", *os.environ.get("ALLOWED_HOSTS", "").split(",")]

INSTALLED_APPS = ["guestbook"]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "mysite.urls"
WSGI_APPLICATION = "mysite.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]

SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"

LANGUAGE_CODE = "zh-hans"
TIME_ZONE = "Asia/Shanghai"
USE_TZ = True
