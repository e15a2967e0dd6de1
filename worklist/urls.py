from django.urls import path

from worklist import views

app_name = "worklist"
urlpatterns = [
    path("", views.home, name="home"),
    path("my-work/", views.my_work, name="my_work"),
    path("tasks/", views.task_list, name="task_list"),
    path("tasks/new/", views.task_create, name="task_create"),
    path("tasks/<uuid:public_id>/", views.task_detail, name="task_detail"),
    path("tasks/<uuid:public_id>/move/", views.task_move, name="task_move"),
    path("inbox/", views.inbox, name="inbox"),
    path("inbox/read-all/", views.read_all, name="read_all"),
    path("inbox/<uuid:public_id>/", views.notification_open, name="notification_open"),
    path("mails/", views.digest_list, name="digest_list"),
    path("health/", views.health, name="health"),
]
