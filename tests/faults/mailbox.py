"""A real SMTP server that takes mails, refuses them, or stops at a chosen point."""

import asyncio
import threading
from email import message_from_bytes
from typing import Any

from aiosmtpd.controller import Controller

FOREVER = 3600


class Mailbox:
    """Handler of the server. ``taken`` holds what it accepted: (address, Message-ID)."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str]] = []
        self.asked: list[str] = []
        self.refuse_nth: set[int] = set()  # by order of asking, from 1
        self.stop_at = ""  # "recipient", "text" (before accepting) or "accepted" (before saying so)
        self.reached = threading.Event()

    def stop(self, at: str) -> None:
        """Let the next mail get as far as ``at`` and no further; ``reached`` tells when."""
        self.stop_at = at
        self.reached.clear()

    async def _maybe_stop(self, here: str) -> None:
        if self.stop_at == here:
            self.stop_at = ""
            self.reached.set()
            await asyncio.sleep(FOREVER)

    async def handle_RCPT(  # the name is the server's
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        await self._maybe_stop("recipient")
        self.asked.append(address)
        if len(self.asked) in self.refuse_nth:
            return "451 Try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        await self._maybe_stop("text")
        message = message_from_bytes(envelope.content)
        self.taken.append((envelope.rcpt_tos[0], str(message["Message-ID"])))
        await self._maybe_stop("accepted")
        return "250 OK"

    @property
    def addresses(self) -> list[str]:
        return [address for address, _id in self.taken]


class Server(Controller):
    """The mailbox behind a port on this machine."""

    def __init__(self, mailbox: Mailbox, port: int) -> None:
        super().__init__(mailbox, hostname="127.0.0.1", port=port)
