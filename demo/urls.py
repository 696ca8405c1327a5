"""URLs of the demo room, relative to the root."""

from django.urls import path

from demo.views import picture

app_name = "demo"
urlpatterns = [path("shop/pictures/<slug:picture>/<slug:color>/<slug:style>.svg", picture, name="picture")]
