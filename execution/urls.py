from django.urls import path

from execution import views

app_name = "execution"
urlpatterns = [
    path("", views.my_days, name="my_days"),
    path("days/<uuid:public_id>/", views.day, name="day"),
    path("visits/<uuid:public_id>/", views.visit, name="visit"),
    path("visits/<uuid:public_id>/run/", views.visit_run, name="visit_run"),
    path("visits/<uuid:public_id>/not-possible/", views.not_possible, name="not_possible"),
    path("records/<uuid:public_id>/", views.record, name="record"),
    path("records/<uuid:public_id>/findings/", views.finding_add, name="finding_add"),
    path("records/<uuid:public_id>/photos/", views.photo_add, name="photo_add"),
    path("records/<uuid:public_id>/submit/", views.record_submit, name="record_submit"),
    path("records/<uuid:public_id>/reopen/", views.record_reopen, name="record_reopen"),
    path("findings/<uuid:public_id>/remove/", views.finding_remove, name="finding_remove"),
    path("photos/<uuid:public_id>.jpg", views.photo, name="photo"),
    path("photos/<uuid:public_id>/remove/", views.photo_remove, name="photo_remove"),
    path("operations/<uuid:public_id>/", views.overview, name="overview"),
]
