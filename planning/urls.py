from django.urls import path

from planning.views import days, operations, participants, selection

app_name = "planning"
urlpatterns = [
    path("", operations.operation_list, name="operation_list"),
    path("new/", operations.operation_create, name="operation_create"),
    path("calendar/", days.calendar, name="calendar"),
    path("calendar/address/", days.calendar_renew, name="calendar_renew"),
    path("calendar/<str:token>.ics", days.calendar_feed, name="calendar_feed"),
    path("<uuid:public_id>/", operations.operation_detail, name="operation_detail"),
    path("<uuid:public_id>/edit/", operations.operation_edit, name="operation_edit"),
    path("<uuid:public_id>/move/<slug:arrow>/", operations.operation_move, name="operation_move"),
    path("<uuid:public_id>/participants/", participants.participants, name="participants"),
    path("invitations/<uuid:public_id>/", participants.answer, name="answer"),
    path("invitations/<uuid:public_id>/leave/", participants.leave, name="leave"),
    path("invitations/<uuid:public_id>/remove/", participants.invitation_remove,
         name="invitation_remove"),
    path("<uuid:public_id>/nominations/", selection.nominate, name="nominate"),
    path("<uuid:public_id>/candidates/", selection.candidates, name="candidates"),
    path("<uuid:public_id>/nominations/sites/", selection.nominate_sites, name="nominate_sites"),
    path("nominations/<uuid:public_id>/withdraw/", selection.nomination_withdraw,
         name="nomination_withdraw"),
    path("<uuid:public_id>/selection/", selection.selection, name="selection"),
    path("<uuid:public_id>/sign-off/", selection.signoff, name="signoff"),
    path("<uuid:public_id>/record/<slug:language>.pdf", selection.decision_record,
         name="decision_record"),
    path("<uuid:public_id>/days/", days.days, name="days"),
    path("<uuid:public_id>/days/new/", days.day_create, name="day_create"),
    path("days/<uuid:public_id>/", days.day_edit, name="day_edit"),
    path("days/<uuid:public_id>/remove/", days.day_remove, name="day_remove"),
    path("days/<uuid:public_id>/visits/", days.visit_add, name="visit_add"),
    path("days/<uuid:public_id>/briefing.pdf", days.briefing, name="briefing"),
    path("visits/<uuid:public_id>/", days.visit_change, name="visit_change"),
]  # fmt: skip
