from django.apps import AppConfig


class WorklistConfig(AppConfig):
    name = "worklist"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from ui import hooks
        from worklist import purposes, succession  # noqa: F401
        from worklist.models import Notification

        hooks.page_context(
            "unread_count",
            lambda request: (
                Notification.objects.visible_to(request.actor).unread().count()  # type: ignore[attr-defined]
            ),
        )
