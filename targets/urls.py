from django.urls import path

from targets import views

app_name = "targets"
urlpatterns = [
    path("sites/", views.site_list, name="site_list"),
    path("sites/<uuid:public_id>/", views.site_detail, name="site_detail"),
    path("companies/", views.company_list, name="company_list"),
    path("companies/<uuid:public_id>/", views.company_detail, name="company_detail"),
    path("imports/", views.import_list, name="import_list"),
    path("imports/new/", views.import_create, name="import_create"),
    path("imports/<uuid:public_id>/", views.import_detail, name="import_detail"),
    path("imports/<uuid:public_id>/refused.csv", views.import_refusals, name="import_refusals"),
]
