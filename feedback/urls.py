from django.urls import path

from feedback import views

app_name = "feedback"
urlpatterns = [
    path("reports/", views.report_list, name="report_list"),
    path("reports/<uuid:public_id>/", views.report, name="report"),
    path("reports/<uuid:public_id>/report.pdf", views.report_pdf, name="report_pdf"),
    path("reports/<uuid:public_id>/report.xlsx", views.report_xlsx, name="report_xlsx"),
    path("measures/", views.measure_list, name="measure_list"),
    path("measures/<uuid:public_id>/", views.measure_detail, name="measure_detail"),
    path("measures/<uuid:public_id>/edit/", views.measure_edit, name="measure_edit"),
    path("measures/<uuid:public_id>/close/", views.measure_close, name="measure_close"),
    path("measures/<uuid:public_id>/cancel/", views.measure_cancel, name="measure_cancel"),
    path("outcomes/", views.outcome_list, name="outcome_list"),
    path("nominations/", views.inbox, name="inbox"),
    path("operations/<uuid:public_id>/", views.outcomes, name="outcomes"),
    path("operations/<uuid:public_id>/debrief/", views.debrief, name="debrief"),
    path("visits/<uuid:public_id>/outcome/", views.outcome_edit, name="outcome_edit"),
    path("visits/<uuid:public_id>/measure/", views.measure_create, name="measure_create"),
]
