"""How allauth behaves here: nobody signs up by themselves; people are added by administrators."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest
from django.utils import translation


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Mails go out in the recipient's language, whoever caused them."""
        user = context.get("user")
        language = getattr(user, "language", "") or translation.get_language() or "fi"
        with translation.override(language):
            super().send_mail(template_prefix, email, context)
