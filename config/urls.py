"""Addresses. Each room has its own; the order is that of the phases."""

from django.urls import include, path

from authorities.views import set_language
from ui.views import not_found as page_not_found

urlpatterns = [
    path("", include("ui.urls")),
    # The address is the sign-in name and is kept by the authority's administrator.
    path("account/email/", page_not_found, name="no_email_page"),
    path("account/", include("allauth.urls")),
    path("language/", set_language, name="set_language"),
    path("", include("worklist.urls")),
    path("people/", include("authorities.urls")),
    path("register/", include("targets.urls")),
    path("risk/", include("risk.urls")),
    path("operations/", include("planning.urls")),
    path("inspections/", include("execution.urls")),
    path("feedback/", include("feedback.urls")),
]

handler400 = "ui.views.bad_request"
handler403 = "ui.views.forbidden"
handler404 = "ui.views.not_found"
handler500 = "ui.views.server_error"
