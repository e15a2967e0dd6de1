from django.urls import path

from ui import views

app_name = "ui"
urlpatterns = [
    path("styleguide/", views.styleguide, name="styleguide"),
    path("views/", views.saved_view_create, name="saved_view_create"),
    path("views/<uuid:public_id>/delete/", views.saved_view_delete, name="saved_view_delete"),
    path("exports/<uuid:public_id>/", views.export_job, name="export_job"),
    path("exports/<uuid:public_id>/file/", views.export_file, name="export_file"),
    path("search/", views.search, name="search"),
]
