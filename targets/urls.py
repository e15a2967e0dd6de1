from django.urls import path

from targets import (
    bulk_views,
    identity_views,
    import_views,
    map_views,
    mapping_views,
    sharing_views,
    signal_views,
    views,
)

app_name = "targets"
urlpatterns = [
    path("sites/", views.site_list, name="site_list"),
    path("sites/map/", map_views.site_map, name="site_map"),
    path("sites/tag/", bulk_views.tag_sites, name="tag_sites"),
    path("sites/<uuid:public_id>/", views.site_detail, name="site_detail"),
    path("companies/", views.company_list, name="company_list"),
    path("companies/<uuid:public_id>/", views.company_detail, name="company_detail"),
    path("imports/", import_views.import_list, name="import_list"),
    path("imports/new/", import_views.import_create, name="import_create"),
    path("imports/mappings/", mapping_views.mapping_list, name="mapping_list"),
    path("imports/mappings/new/", mapping_views.mapping_create, name="mapping_create"),
    path("imports/mappings/<slug:code>/", mapping_views.mapping_detail, name="mapping_detail"),
    path(
        "imports/mappings/<slug:code>/remove/", mapping_views.mapping_remove, name="mapping_remove"
    ),
    path("imports/<uuid:public_id>/", import_views.import_detail, name="import_detail"),
    path(
        "imports/<uuid:public_id>/refused.csv", import_views.import_refusals, name="import_refusals"
    ),
    path("imports/<uuid:public_id>/<slug:what>/", import_views.import_ask, name="import_ask"),
    path("signals/", signal_views.signal_list, name="signal_list"),
    path("signals/new/", signal_views.signal_create, name="signal_create"),
    path("signals/files/<uuid:public_id>/", signal_views.signal_file, name="signal_file"),
    path("signals/offers/<uuid:public_id>/", signal_views.offer_decide, name="offer_decide"),
    path("signals/<uuid:public_id>/", signal_views.signal_detail, name="signal_detail"),
    path("signals/<uuid:public_id>/file/", signal_views.signal_file_add, name="signal_file_add"),
    path("signals/<uuid:public_id>/give/", signal_views.signal_disclose, name="signal_disclose"),
    path(
        "signals/<uuid:public_id>/hand-over/",
        signal_views.signal_hand_over,
        name="signal_hand_over",
    ),
    path("signals/<uuid:public_id>/hold/", signal_views.signal_hold, name="signal_hold"),
    path("sharing/", sharing_views.sharing, name="sharing"),
    path("sharing/ask/", sharing_views.request_create, name="request_create"),
    path("sharing/given/<uuid:public_id>/", sharing_views.disclosure, name="disclosure"),
    path("sharing/requests/<uuid:public_id>/", sharing_views.request_detail, name="request"),
    path("sharing/hand-overs/<uuid:public_id>/", sharing_views.handover, name="handover"),
    path("datasets/", sharing_views.dataset_list, name="dataset_list"),
    path("datasets/new/", sharing_views.dataset_create, name="dataset_create"),
    path("datasets/runs/<uuid:public_id>/", sharing_views.dataset_confirm, name="dataset_confirm"),
    path("datasets/<uuid:public_id>/", sharing_views.dataset_detail, name="dataset_detail"),
    path("datasets/<uuid:public_id>/hold/", sharing_views.dataset_hold, name="dataset_hold"),
    path("datasets/<uuid:public_id>/share/", sharing_views.dataset_share, name="dataset_share"),
    path("erasures/", sharing_views.erasure_list, name="erasure_list"),
    path("identity/", identity_views.pair_list, name="pair_list"),
    path("identity/join/", identity_views.pairs_join, name="pairs_join"),
    path("identity/compare/", identity_views.compare, name="compare"),
    path("identity/merges/<uuid:public_id>/undo/", identity_views.unmerge, name="unmerge"),
    path("identity/successors/<uuid:public_id>/", identity_views.hint, name="hint"),
    path("identity/<uuid:public_id>/", identity_views.pair, name="pair"),
    path("sites/<uuid:public_id>/identity/", identity_views.site_identity, name="site_identity"),
    path(
        "companies/<uuid:public_id>/identity/",
        identity_views.company_identity,
        name="company_identity",
    ),
    path("recusals/", sharing_views.recusals, name="recusals"),
    path("recusals/<uuid:public_id>/", sharing_views.recusal_end, name="recusal_end"),
]
