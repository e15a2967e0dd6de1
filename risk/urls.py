from django.urls import path

from risk import (
    arm_views,
    indicator_views,
    method_views,
    model_views,
    override_views,
    run_views,
    simulation_views,
    site_views,
)

app_name = "risk"
urlpatterns = [
    path("indicators/", indicator_views.indicator_list, name="indicator_list"),
    path("indicators/new/", indicator_views.indicator_create, name="indicator_create"),
    path("indicators/preview/", indicator_views.indicator_preview, name="indicator_preview"),
    path("indicators/<uuid:public_id>/", indicator_views.indicator_detail, name="indicator_detail"),
    path(
        "indicators/<uuid:public_id>/version/", indicator_views.indicator_version,
        name="indicator_version",
    ),
    path(
        "indicators/versions/<uuid:public_id>/", indicator_views.indicator_edit,
        name="indicator_edit",
    ),
    path(
        "indicators/versions/<uuid:public_id>/step/", indicator_views.indicator_step,
        name="indicator_step",
    ),
    path("models/", model_views.model_list, name="model_list"),
    path("models/new/", model_views.model_create, name="model_create"),
    path("models/<uuid:public_id>/", model_views.model_detail, name="model_detail"),
    path("models/<uuid:public_id>/edit/", model_views.model_edit, name="model_edit"),
    path("models/<uuid:public_id>/backtest/", model_views.model_backtest, name="model_backtest"),
    path("models/<uuid:public_id>/step/", model_views.model_step, name="model_step"),
    path("models/<uuid:public_id>/approve/", model_views.model_approve, name="model_approve"),
    path("models/<uuid:public_id>/activate/", model_views.model_activate, name="model_activate"),
    path("models/<uuid:public_id>/retire/", model_views.model_retire, name="model_retire"),
    path("models/<uuid:public_id>/card.pdf", model_views.model_card, name="model_card"),
    path("tests/<uuid:public_id>/cancel/", model_views.report_cancel, name="report_cancel"),
    path("runs/", run_views.run_list, name="run_list"),
    path("runs/<uuid:public_id>/", run_views.run_detail, name="run_detail"),
    path("sites/<uuid:public_id>/", site_views.site_reasons, name="site_reasons"),
    path("random-arm/", arm_views.random_arm, name="random_arm"),
    path("overrides/", override_views.overrides, name="overrides"),
    path("simulation/", simulation_views.simulation, name="simulation"),
    path("method/", method_views.method, name="method"),
    path("method.json", method_views.method_json, name="method_json"),
    path("method.html", method_views.method_html, name="method_html"),
]  # fmt: skip
