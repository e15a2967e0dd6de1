from django.apps import AppConfig


class AuthoritiesConfig(AppConfig):
    name = "authorities"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from authorities.actors import actor_for
        from ui import hooks

        hooks.set_actor_factory(actor_for)
        hooks.page_context(
            "switchable_memberships",
            lambda request: request.memberships,  # type: ignore[attr-defined]
        )
