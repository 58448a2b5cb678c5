"""A Django project for django-bolt."""
