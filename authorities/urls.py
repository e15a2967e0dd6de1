from django.urls import path

from authorities import access_views, powers_views, views

app_name = "authorities"
urlpatterns = [
    path("authorities/", views.authority_list, name="authority_list"),
    path("authorities/<str:code>/", views.authority_detail, name="authority_detail"),
    path("own/", views.person_list, name="person_list"),
    path("own/add/", views.person_add, name="person_add"),
    path("own/<uuid:public_id>/", views.membership_edit, name="membership_edit"),
    path("own/<uuid:public_id>/account/", views.person_activate, name="person_activate"),
    path("profile/", views.profile, name="profile"),
    path("profile/sign-out-everywhere/", views.sign_out_everywhere, name="sign_out_everywhere"),
    path("switch/", views.switch_membership, name="switch_membership"),
    path("session/", views.session_extend, name="session_extend"),
    path("access/", access_views.access_list, name="access_list"),
    path("purpose/", access_views.purpose_state, name="purpose_state"),
    path("powers/", powers_views.competence_list, name="competence_list"),
    path("powers/add/", powers_views.competence_create, name="competence_create"),
    path("powers/card/", powers_views.card, name="card"),
    path("powers/<uuid:public_id>/", powers_views.competence_detail, name="competence_detail"),
    path("powers/<uuid:public_id>/edit/", powers_views.competence_edit, name="competence_edit"),
    path(
        "powers/<uuid:public_id>/review/", powers_views.competence_review, name="competence_review"
    ),
    path("powers/<uuid:public_id>/end/", powers_views.competence_end, name="competence_end"),
    path("grounds/", powers_views.ground_list, name="ground_list"),
    path("grounds/add/", powers_views.ground_create, name="ground_create"),
    path("grounds/versions/<uuid:public_id>/", powers_views.ground_edit, name="ground_edit"),
    path(
        "grounds/versions/<uuid:public_id>/step/", powers_views.ground_decide, name="ground_decide"
    ),
    path("grounds/<str:code>/", powers_views.ground_detail, name="ground_detail"),
    path("grounds/<str:code>/draft/", powers_views.ground_draft, name="ground_draft"),
    path("gateway/", powers_views.ask_gateway, name="gateway"),
    path("gateway/matrix/", powers_views.gateway_matrix, name="gateway_matrix"),
    path("interests/", powers_views.interests, name="interests"),
    path("interests/<uuid:public_id>/", powers_views.interest_withdraw, name="interest_withdraw"),
    path("no-place/", views.no_membership, name="no_membership"),
]
