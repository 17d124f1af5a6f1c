"""Addresses of coming in and going out."""

from django.urls import path

from potato_site.accounts import reset, views

urlpatterns = [
    path("login/", views.login, name="login"),
    path("logout/", views.logout, name="logout"),
    path("login-link/<str:token>/", views.login_link, name="login-link"),
    path("password-reset/", reset.password_reset, name="password-reset"),
    path("password-reset/<str:person>/<str:reset_token>/", reset.password_reset_link, name="password-reset-link"),
    path("password/", views.set_password, name="set-password"),
]
