from django.urls import path

from authorities import access_views, views

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
    path("no-place/", views.no_membership, name="no_membership"),
]
